import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { NotDelivered, type Notice, type Notifier } from '../src/adapters/notifier.js';
import { eventually, Gateway, type HeldData, type Ingress } from './gateway.js';

jest.setTimeout(60_000);

const { url: postgres } = await testPostgres();
type Answer = (notice: Notice, signal: AbortSignal) => Promise<void>;

/** A way of telling people that does what a test says. */
class Channel implements Notifier {
  readonly told: Notice[] = [];
  answer: Answer = () => Promise.resolve();

  constructor(readonly channel: string) {}

  async deliver(notice: Notice, signal: AbortSignal): Promise<void> {
    await this.answer(notice, signal);
    this.told.push(notice);
  }

  kinds(approval: string): string[] {
    return this.told.filter((notice) => notice.approval.approval === approval).map((notice) => notice.kind);
  }
}

const chat = new Channel('chat');
const hook = new Channel('hook');
let gateway: Gateway;
let ingress: Ingress;

beforeAll(async () => {
  const settings = { CUSTOMHOUSE_APPROVAL_NOTICE_TIMEOUT_MS: '500', CUSTOMHOUSE_APPROVAL_NOTICE_ATTEMPTS_COUNT: '4', CUSTOMHOUSE_APPROVAL_NOTICE_BACKOFF_MS: '10' };
  gateway = await Gateway.start({ postgres, settings, notifiers: [chat, hook] });
  ingress = await gateway.ingress('ingress-1');
}, 120_000);
afterAll(() => gateway?.stop(), 60_000);

async function held(terms: NonNullable<Parameters<Ingress['hold']>[0]>['terms'] = {}): Promise<{ held: HeldData; id: string }> {
  const { held: data } = await ingress.hold({ terms, quorum: terms.quorum ?? 1 });
  await gateway.status(data.approval.id, 'open');
  return { held: data, id: data.approval.id };
}
const tells = (channel: Channel, id: string, ...kinds: string[]): Promise<unknown> =>
  eventually(
    () => `${channel.channel} was told ${kinds.join(', ')} (it was told ${channel.kinds(id).join(', ')})`,
    () => Promise.resolve(channel.kinds(id).join() === kinds.join()),
    30_000,
  );
const metric = async (name: string): Promise<string> => {
  const response = await fetch(`${gateway.service.apiUrl}/metrics`, { headers: { authorization: `Bearer ${await gateway.key('olga', ['operator'])}` } });
  return (await response.text())
    .split('\n')
    .filter((line) => line.startsWith(name))
    .join('\n');
};

describe('people', () => {
  it('are told on every channel of what is asked and of what was decided, in order, with the request as it is', async () => {
    const { id } = await held({ approvers: [{ people: ['bob'], groups: ['finance'] }], groups: [{ group: 'security', quorum: 1 }] });
    await gateway.vote(id, 'bob', 'deny');
    for (const channel of [chat, hook]) await tells(channel, id, 'opened', 'decided');
    const [opened, decided] = chat.told.filter((notice) => notice.approval.approval === id);
    expect(opened).toMatchObject({ about: 'decision', tenant: 'default', groups: ['finance', 'security'], approval: { call: expect.any(String), agent: 'claude' } });
    expect(decided).toMatchObject({ about: 'decision', approval: { status: 'denied', decided_by: ['bob'] } });
    expect(opened!.id).not.toBe(decided!.id);
  });

  it('are told of every approval that does not decide yet, once, and of the last as the decision', async () => {
    const { id } = await held({ quorum: 2, groups: [{ group: 'security', quorum: 1 }] });
    for (const channel of [chat, hook]) await tells(channel, id, 'opened');
    await gateway.vote(id, 'bob');
    await gateway.vote(id, 'bob');
    for (const channel of [chat, hook]) await tells(channel, id, 'opened', 'voted');
    expect(chat.told.find((notice) => notice.approval.approval === id && notice.kind === 'voted')).toMatchObject({
      about: 'decision',
      groups: ['security'],
      approval: { status: 'open', approvers: ['bob'], missing: { people: 1, groups: [{ group: 'security', missing: 1 }] } },
    });
    const carol = await gateway.key('carol', ['approver'], { groups: ['security'] });
    expect(await gateway.ask('POST', `/v1/approvals/${id}/votes`, { verdict: 'approve' }, carol)).toMatchObject({ status: 200, body: { decided_by: ['bob', 'carol'] } });
    for (const channel of [chat, hook]) await tells(channel, id, 'opened', 'voted', 'decided');
  });

  it('are reminded, and others are asked', async () => {
    const { id } = await held({ approvers: [{ people: ['bob'] }], remind_s: 1, escalate: { after_s: 1, groups: ['board'] } });
    await eventually('both are told', () => Promise.resolve(chat.kinds(id).includes('reminded') && chat.kinds(id).includes('escalated')));
    expect(chat.told.find((notice) => notice.approval.approval === id && notice.kind === 'escalated')).toMatchObject({
      groups: ['board'],
      approval: { escalated: expect.any(String) },
    });
    await gateway.vote(id, 'bob');
  });
});

describe('a channel that', () => {
  it('fails is tried again, with the same id, and keeps no other waiting', async () => {
    const ids: string[] = [];
    chat.answer = (notice) => {
      // What was decided in an earlier test may be told only now.
      if (notice.kind !== 'opened') return Promise.resolve();
      ids.push(notice.id);
      return ids.length < 3 ? Promise.reject(new Error('away')) : Promise.resolve();
    };
    const { id } = await held();
    await tells(hook, id, 'opened');
    await tells(chat, id, 'opened');
    expect([ids.length, new Set(ids).size]).toEqual([3, 1]);
    chat.answer = () => Promise.resolve();
    await gateway.vote(id, 'bob');
  });

  it('never answers is given up, while the request is decided elsewhere', async () => {
    const signals: AbortSignal[] = [];
    chat.answer = (_, signal) => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    const { id } = await held();
    await tells(hook, id, 'opened');
    expect(await gateway.vote(id, 'bob')).toMatchObject({ status: 200, body: { status: 'dispatching' } });
    await tells(hook, id, 'opened', 'decided');
    await eventually(
      'the first notice was given up',
      async () => {
        const [row] = await gateway.sql(`select failure, attempts from notices where approval = $1 and channel = 'chat' and kind = 'opened' and done is not null`, [id]);
        return row?.attempts >= 4 && /too long/.test(row.failure);
      },
      40_000,
    );
    expect(signals[0]!.aborted).toBe(true);
    // What comes after it is told all the same.
    chat.answer = () => Promise.resolve();
    await tells(chat, id, 'decided');
    expect(await metric('customhouse_approval_notices_total')).toMatch(/channel="chat"[^\n]*result="failed"[^\n]*\} [1-9]/);
  });

  it('says that it is of no use is not tried again', async () => {
    let attempts = 0;
    chat.answer = (notice) => {
      if (notice.kind !== 'opened') return Promise.resolve();
      attempts += 1;
      return Promise.reject(new NotDelivered('no such channel', { again: false }));
    };
    const { id } = await held();
    await eventually('it was given up', async () => {
      const [row] = await gateway.sql(`select failure, attempts from notices where approval = $1 and channel = 'chat' and kind = 'opened'`, [id]);
      return row?.failure === 'no such channel' && row.attempts === 1;
    });
    expect(attempts).toBe(1);
    chat.answer = () => Promise.resolve();
    await gateway.vote(id, 'bob');
  });

  it('says when to come back is left alone until then', async () => {
    let attempts = 0;
    chat.answer = (notice) => {
      if (notice.kind !== 'opened') return Promise.resolve();
      attempts += 1;
      return Promise.reject(new NotDelivered('slow down', { again: true, after_ms: 3_000_000 }));
    };
    const { id } = await held();
    await eventually('it is put off for as long as the channel said', async () => {
      const [row] = await gateway.sql(`select extract(epoch from due - clock_timestamp()) as wait_s from notices where approval = $1 and channel = 'chat' and kind = 'opened'`, [
        id,
      ]);
      return Number(row?.wait_s) > 2_000;
    });
    expect(attempts).toBe(1);
    chat.answer = () => Promise.resolve();
    await gateway.vote(id, 'bob');
  });
});

describe('what waits to be told', () => {
  it('is told after a restart, once for each notice, however many replicas tell', async () => {
    chat.answer = () => Promise.reject(new Error('away'));
    const { id } = await held();
    await gateway.service.close();
    chat.answer = () => Promise.resolve();
    await gateway.startService();
    const second = await gateway.anotherService('approval-2');
    try {
      await tells(chat, id, 'opened');
      const others = await Promise.all(Array.from({ length: 20 }, () => held()));
      for (const other of others) await tells(chat, other.id, 'opened');
      for (const other of others) expect(chat.kinds(other.id)).toEqual(['opened']);
    } finally {
      await second.close();
    }
  });
});
