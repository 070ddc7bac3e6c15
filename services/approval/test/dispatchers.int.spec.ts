import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { callCompleted, callDenied, callOutcomeLost } from '@customhouse/events/call/events';
import { eventually, Gateway, type Ingress } from './gateway.js';

jest.setTimeout(60_000);

const { url: postgres } = await testPostgres();
let gateway: Gateway;

beforeEach(async () => {
  gateway = await Gateway.start({ postgres: postgres });
}, 60_000);
afterEach(() => gateway.stop(), 60_000);

const named = (id: string, instance: string, attempt: number) => gateway.stateIs(id, (state) => state.dispatcher?.instance === instance && state.dispatcher.attempt === attempt);

/** A call that was held by this process, and approved. */
async function granted(ingress: Ingress, options: Parameters<Ingress['hold']>[0] = {}) {
  const { held, recorded } = await ingress.hold(options);
  const id = held.approval.id;
  await gateway.status(id, 'open');
  expect(await gateway.vote(id, 'bob')).toMatchObject({ status: 200 });
  return { held, id, recorded };
}

describe('one dispatcher', () => {
  it('is the process that holds the call, though others live', async () => {
    await gateway.ingress('ingress-1');
    const two = await gateway.ingress('ingress-2');
    await gateway.ingress('ingress-3');
    const { id } = await granted(two);
    expect(await named(id, 'ingress-2', 1)).toMatchObject({ status: 'dispatching', dispatcher: { epoch: two.writer.epoch } });
  });

  it('is replaced when it ended without a dispatch, and its successor knows from where to look for one', async () => {
    const one = await gateway.ingress('ingress-1');
    const two = await gateway.ingress('ingress-2');
    const { held, id, recorded } = await granted(one);
    const first = await named(id, 'ingress-1', 1);
    const later = await two.hold({ change: (whole) => ({ ...whole, session: held.session }) });
    expect(later.recorded.position.partition).toBe(recorded.position.partition);
    await one.close();
    const second = await named(id, 'ingress-2', 2);
    expect(second).toMatchObject({ status: 'dispatching', dispatcher: { epoch: two.writer.epoch } });
    expect(first.dispatcher!.searched).toBeGreaterThan(recorded.position.offset);
    expect(second.dispatcher!.searched).toBeGreaterThan(later.recorded.position.offset);
    await two.dispatch(held);
    await two.append(callCompleted, { call: held.call, error: false, result: held.arguments, findings: [], upstream_ms: 1 }, held.session);
    await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named', 'dispatcher.named', 'request.closed');
  });

  it('is named anew under the epoch with which the same process came back', async () => {
    const before = await gateway.ingress('ingress-1');
    const { id } = await granted(before);
    await named(id, 'ingress-1', 1);
    before.kill();
    const after = await gateway.ingress('ingress-1');
    expect((await named(id, 'ingress-1', 2)).dispatcher).toMatchObject({ epoch: after.writer.epoch });
    expect(after.writer.epoch).not.toBe(before.writer.epoch);
  });

  it('is replaced when it was silent for too long', async () => {
    const one = await gateway.ingress('ingress-1');
    await gateway.ingress('ingress-2');
    const { id } = await granted(one);
    await named(id, 'ingress-1', 1);
    one.kill();
    const killed = performance.now();
    await named(id, 'ingress-2', 2);
    expect(performance.now() - killed).toBeGreaterThan(1_000);
  });

  it('is never replaced after its dispatch: the outcome is unknown, and the call ends as lost', async () => {
    const one = await gateway.ingress('ingress-1');
    const two = await gateway.ingress('ingress-2');
    const { held, id } = await granted(one);
    await named(id, 'ingress-1', 1);
    await one.dispatch(held);
    await one.close();
    await sleep(2_500);
    expect(await gateway.state(id)).toMatchObject({ status: 'dispatching', dispatcher: { instance: 'ingress-1', attempt: 1 } });
    await two.append(callOutcomeLost, { call: held.call, reason: 'writer-gone' }, held.session);
    expect(await gateway.status(id, 'closed')).toMatchObject({ terminal: 'call.outcome.lost' });
    await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named', 'request.closed');
  });

  it('is not replaced before the log was read up to where it ended: its dispatch may lie there', async () => {
    const one = await gateway.ingress('ingress-1');
    await gateway.ingress('ingress-2');
    const { held, id, recorded } = await granted(one);
    await named(id, 'ingress-1', 1);
    // The consumer of the calls cannot get on, while that of the signs of life can.
    const blocker = new pg.Client({ connectionString: gateway.environment['CUSTOMHOUSE_DATABASE_URL'], options: '-c search_path=approval' });
    await blocker.connect();
    await blocker.query('begin');
    await blocker.query(`select * from positions where group_name = 'approval.requests' and partition = $1 for update`, [recorded.position.partition]);
    await one.dispatch(held);
    await one.close();
    await eventually('the end of the process was noticed', async () => (await gateway.sql('select barrier from requests where approval = $1', [id]))[0].barrier !== null);
    await sleep(1_000);
    expect((await gateway.show(id)).body).toMatchObject({ dispatcher: { instance: 'ingress-1', attempt: 1 } });
    await blocker.query('rollback');
    await blocker.end();
    await eventually('the dispatch was read', async () => (await gateway.sql('select dispatched from requests where approval = $1', [id]))[0].dispatched);
    await sleep(500);
    expect(await gateway.state(id)).toMatchObject({ status: 'dispatching', dispatcher: { instance: 'ingress-1', attempt: 1 } });
  });

  it('is named as soon as there is one, when nobody lived at the decision', async () => {
    const one = await gateway.ingress('ingress-1');
    const { held } = await one.hold();
    const id = held.approval.id;
    await gateway.status(id, 'open');
    await one.close();
    await eventually('its end is known', async () => (await gateway.sql(`select closed from writers where instance = 'ingress-1'`))[0]?.closed);
    expect((await gateway.vote(id, 'bob')).body).toMatchObject({ status: 'granted', dispatcher: null });
    await gateway.restartService();
    await gateway.ingress('ingress-2');
    expect(await named(id, 'ingress-2', 1)).toMatchObject({ status: 'dispatching' });
  });

  it('records a denial, and is replaced when it ended before it did', async () => {
    const one = await gateway.ingress('ingress-1');
    const two = await gateway.ingress('ingress-2');
    const { held } = await one.hold();
    const id = held.approval.id;
    await gateway.status(id, 'open');
    await gateway.vote(id, 'bob', 'deny');
    await named(id, 'ingress-1', 1);
    await one.close();
    expect(await named(id, 'ingress-2', 2)).toMatchObject({ status: 'denied' });
    await two.append(callDenied, { call: held.call, approval: id, reason: 'denied', message: 'no' }, held.session);
    expect(await gateway.status(id, 'closed')).toMatchObject({ terminal: 'call.denied', decided_by: ['bob'] });
  });

  it('does not run what expired while the one before it was dying', async () => {
    const one = await gateway.ingress('ingress-1');
    const { id } = await granted(one, { expires_ms: 1_500 });
    await named(id, 'ingress-1', 1);
    await one.close();
    await sleep(1_700);
    await gateway.ingress('ingress-2');
    expect(await named(id, 'ingress-2', 2)).toMatchObject({ status: 'expired' });
    await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named', 'request.expired', 'dispatcher.named');
  });

  it('is one, however many replicas of this service look', async () => {
    const one = await gateway.ingress('ingress-1');
    const two = await gateway.ingress('ingress-2');
    const second = await gateway.anotherService('approval-2');
    try {
      const requests = await Promise.all(Array.from({ length: 10 }, () => one.hold({ quorum: 2 })));
      for (const { held } of requests) await gateway.status(held.approval.id, 'open');
      await gateway.approver('carol');
      await Promise.all(
        requests.flatMap(({ held }) => [
          gateway.vote(held.approval.id, 'bob'),
          gateway.ask('POST', `/v1/approvals/${held.approval.id}/votes`, { verdict: 'approve' }, gateway.keys.get('carol')!, second.apiUrl),
        ]),
      );
      for (const { held } of requests) await named(held.approval.id, 'ingress-1', 1);
      await one.close();
      for (const { held } of requests) await named(held.approval.id, 'ingress-2', 2);
      await sleep(500);
      for (const { held } of requests) {
        await gateway.tells(held.approval.id, 'request.opened', 'vote.cast', 'vote.cast', 'request.granted', 'dispatcher.named', 'dispatcher.named');
        expect((await gateway.state(held.approval.id))!.dispatcher!.epoch).toBe(two.writer.epoch);
      }
    } finally {
      await second.close();
    }
  });
});
