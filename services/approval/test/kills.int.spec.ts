import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { callCompleted } from '@customhouse/events/call/events';
import { ApprovalProcess } from './approval-process.js';
import { eventually, Gateway, type Answer, type Ingress } from './gateway.js';

jest.setTimeout(360_000);

const { url: postgres } = await testPostgres();
const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
let gateway: Gateway;
let ingress: Ingress;

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'tools/build.mjs')]);
});
beforeEach(async () => {
  gateway = await Gateway.start({ postgres, settings: { CUSTOMHOUSE_APPROVAL_SILENCE_MS: '60000' } });
  ingress = await gateway.ingress('ingress-1');
  for (const person of ['bob', 'carol', 'dave']) await gateway.approver(person);
}, 120_000);
afterEach(() => gateway.stop(), 60_000);

/** Asks until there is an answer that says something about the request, as a client does whose connection broke. */
async function insist(ask: () => Promise<Answer>): Promise<Answer> {
  return eventually(
    'there is an answer',
    async () => {
      const answer = await ask().catch(() => undefined);
      return answer !== undefined && answer.status < 500 && answer;
    },
    60_000,
  );
}

describe('when the service is killed', () => {
  it('at every step, also in the middle of a vote, nothing is lost, counted twice or run twice', async () => {
    await gateway.service.close();
    const killed = new ApprovalProcess(gateway.environment);
    const vote = (id: string, person: string): Promise<Answer> =>
      gateway.ask('POST', `/v1/approvals/${id}/votes`, { verdict: 'approve', reason: 'seen' }, gateway.keys.get(person)!, killed.url);
    const show = (id: string): Promise<Answer> => gateway.ask('GET', `/v1/approvals/${id}`, undefined, gateway.keys.get('dave')!, killed.url);
    try {
      await killed.start();
      const { held } = await ingress.hold({ quorum: 2 });
      const id = held.approval.id;
      await killed.again();
      expect(await insist(() => open(show(id)))).toMatchObject({ body: { status: 'open', approvers: [] } });
      // The answer to the vote may get lost with the process: nobody knows whether it counted, and the client says it again.
      const first = vote(id, 'bob').catch(() => undefined);
      await killed.again();
      await first;
      expect(await insist(() => vote(id, 'bob'))).toMatchObject({ status: 200, body: { approvers: ['bob'] } });
      await killed.again();
      const second = vote(id, 'carol').catch(() => undefined);
      await sleep(5);
      await killed.again();
      await second;
      expect(await insist(() => vote(id, 'carol'))).toMatchObject({ status: 200, body: { status: 'dispatching', decided_by: ['bob', 'carol'] } });
      await killed.again();
      await gateway.stateIs(id, (state) => state.dispatcher !== null);
      await ingress.dispatch(held);
      await killed.again();
      await ingress.append(callCompleted, { call: held.call, error: false, result: held.arguments, findings: [], upstream_ms: 1 }, held.session);
      await killed.again();
      expect(await insist(() => closed(show(id)))).toMatchObject({ body: { status: 'closed', terminal: 'call.completed' } });
      await gateway.tells(id, 'request.opened', 'vote.cast', 'vote.cast', 'request.granted', 'dispatcher.named', 'request.closed');
    } finally {
      await killed.stop();
      await gateway.startService();
    }
  });
});

describe('when connections to the database break at any statement', () => {
  it('every vote counts once, every request is decided once, and one process is named for each', async () => {
    const breaker = new pg.Client({ connectionString: postgres });
    await breaker.connect();
    const database = new URL(gateway.environment['CUSTOMHOUSE_DATABASE_URL']!).pathname.slice(1);
    const requests = await Promise.all(Array.from({ length: 12 }, () => ingress.hold({ quorum: 2, terms: { remind_s: 1 } })));
    for (const { held } of requests) await gateway.status(held.approval.id, 'open');
    let broken = 0;
    let breaking = true;
    const havoc = (async () => {
      while (breaking) {
        const { rowCount } = await breaker.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid() and random() < 0.5`, [
          database,
        ]);
        broken += rowCount ?? 0;
        await sleep(15 + Math.random() * 60);
      }
    })();
    try {
      await Promise.all(
        requests.flatMap(({ held: { approval } }, index) => [
          insist(() => gateway.vote(approval.id, 'bob')),
          insist(() => gateway.vote(approval.id, 'bob')),
          insist(() => gateway.vote(approval.id, 'carol', index % 4 === 3 ? 'deny' : 'approve')),
        ]),
      );
    } finally {
      breaking = false;
      await havoc;
      await breaker.end();
    }
    expect(broken).toBeGreaterThan(5);
    for (const { held } of requests) {
      const id = held.approval.id;
      const { status, decided_by } = await gateway.status(id, 'dispatching', 'denied');
      const told = await eventually('everything is told', async () => {
        const events = await gateway.told(id);
        return events.some((event) => event.type === 'approval.dispatcher.named') && events;
      });
      const count = (type: string): number => told.filter((event) => event.type === type).length;
      expect([count('approval.request.granted') + count('approval.request.denied'), count('approval.dispatcher.named')]).toEqual([1, 1]);
      const voters = told.filter((event) => event.type === 'approval.vote.cast').map((event) => event.data.by);
      expect(new Set(voters).size).toBe(voters.length);
      expect(status === 'denied' ? decided_by : decided_by.toSorted()).toEqual(status === 'denied' ? ['carol'] : ['bob', 'carol']);
    }
  });
});

async function open(shown: Promise<Answer>): Promise<Answer> {
  const answer = await shown;
  if (answer.status !== 200) throw new Error('not yet');
  return answer;
}

async function closed(shown: Promise<Answer>): Promise<Answer> {
  const answer = await shown;
  if (answer.body.status !== 'closed') throw new Error('not yet');
  return answer;
}
