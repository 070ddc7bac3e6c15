import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventLog } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

type Rules = RuleSet['rules'];

/** Whoever has read what is sensitive sends nothing out. */
const noTrifecta: Rules = [
  { id: 'allow-everything', effect: 'allow', reason: 'a test', tools: ['*/*'] },
  { id: 'no-way-out', effect: 'refuse', reason: 'This session has read secrets.', tools: ['*/*'], labels: ['communicates-externally'], session_labels: ['reads-sensitive'] },
];
/** There are other processes, which is what makes a process wait for them. */
const replica = { CUSTOMHOUSE_INGRESS_PEER_URL: 'http://127.0.0.1:9' };

let upstream: MischievousServer;
beforeAll(async () => {
  upstream = await MischievousServer.start();
}, 30_000);
afterAll(() => upstream?.close());

async function started(rules: Rules, environment: Record<string, string> = replica): Promise<Gateway> {
  const gateway = await Gateway.start({ rules, environment });
  await gateway.addServer('secrets', upstream.transport, ['read-only', 'reads-sensitive']);
  await gateway.addServer('mail', upstream.transport, ['communicates-externally']);
  return gateway;
}

async function beside(first: Gateway): Promise<Gateway> {
  const other = await Gateway.start({ beside: first, environment: replica });
  await eventually(() => other.ingress.knowsTool('mail', 'echo') && other.ingress.knowsTool('secrets', 'echo') && other.keys.ready);
  return other;
}

async function connected(gateway: Gateway, key?: string): Promise<RawClient> {
  const client = new RawClient(gateway.url, { authorization: `Bearer ${key ?? (await gateway.issueKey())}` });
  await client.initialize();
  return client;
}

/** The same session at another process. */
function at({ url }: Gateway, client: RawClient): RawClient {
  const made = new RawClient(url, client.headers);
  made.session = client.session;
  return made;
}

const read = (client: RawClient): Promise<JsonObject> => client.call('secrets__echo', { message: 'a secret' });
const send = (client: RawClient): Promise<JsonObject> => client.call('mail__echo', { message: 'out' });
const rulesOf = (answer: JsonObject): unknown => (answer['result'] as { _meta: Record<string, { rules?: string[] }> })._meta['customhouse/decision']?.rules?.[0];
const lastDecided = async (gateway: Gateway, tool: string): Promise<StoredEvent<any>> =>
  (await gateway.events()).findLast(({ type, data }) => ['call.admitted', 'call.refused', 'call.held'].includes(type) && (data as { server: string }).server === tool)!;

describe('what a session has done', () => {
  let gateway: Gateway;
  let other: Gateway;
  beforeAll(async () => {
    gateway = await started(noTrifecta);
    other = await beside(gateway);
  }, 60_000);
  afterAll(async () => {
    await other?.close();
    await gateway?.close();
  }, 30_000);

  it('decides the next call, and is recorded with it', async () => {
    const client = await connected(gateway);
    expect(rulesOf(await send(client))).toBeUndefined();
    await read(client);
    expect(rulesOf(await send(client))).toBe('no-way-out');
    expect((await lastDecided(gateway, 'mail')).data).toMatchObject({
      session_state: { labels: ['communicates-externally', 'read-only', 'reads-sensitive'], counters: { calls: 2, refused: 0, held: 0 } },
    });
    expect((await lastDecided(gateway, 'secrets')).data).not.toHaveProperty('session_state');
  });

  it('is nothing to another session of the same caller', async () => {
    const key = await gateway.issueKey();
    await read(await connected(gateway, key));
    expect(rulesOf(await send(await connected(gateway, key)))).toBeUndefined();
  });

  it('is known to another process at once, whichever of the two it was done at', async () => {
    const key = await gateway.issueKey();
    await eventually(() => other.keys.authenticate(key, Date.now()).ok);
    for (let round = 0; round < 10; round += 1) {
      const here = await connected(gateway, key);
      const there = at(other, here);
      const [reads, sends] = round % 2 === 0 ? [here, there] : [there, here];
      expect(rulesOf(await send(sends))).toBeUndefined();
      await read(reads);
      expect(rulesOf(await send(sends))).toBe('no-way-out');
    }
  }, 60_000);
});

describe('after a restart', () => {
  it('what a session has done is read from the log', async () => {
    const gateway = await started(noTrifecta, {});
    try {
      const client = await connected(gateway);
      await read(client);
      const fresh = await connected(gateway);
      await gateway.restart();
      expect(rulesOf(await send(at(gateway, client)))).toBe('no-way-out');
      expect(rulesOf(await send(at(gateway, fresh)))).toBeUndefined();
    } finally {
      await gateway.close();
    }
  }, 60_000);

  it('of a session that began before what is read back everything is assumed', async () => {
    const gateway = await started(noTrifecta, { CUSTOMHOUSE_INGRESS_HISTORY_RECORDS: '1' });
    try {
      const old = await connected(gateway);
      // Each session writes to a partition of its own, and every one of them has to have more than is read.
      for (let count = 0; count < 40; count += 1) await (await connected(gateway)).call('secrets__echo', { message: 'x' });
      await gateway.restart();
      expect(rulesOf(await send(at(gateway, old)))).toBe('no-way-out');
      expect(rulesOf(await send(await connected(gateway)))).toBeUndefined();
    } finally {
      await gateway.close();
    }
  }, 60_000);
});

describe('a rule with a limit', () => {
  const limited: Rules = [{ id: 'three-a-day', effect: 'allow', reason: 'Three a day.', tools: ['*/*'], limit: { calls: 3, window_s: 86_400, per: 'person' } }];

  it('lets so many calls through and no more, however many come at once, also after a restart', async () => {
    const gateway = await started(limited, {});
    try {
      const client = await connected(gateway);
      const answers = await Promise.all(Array.from({ length: 10 }, () => send(client)));
      expect(answers.map(rulesOf).filter((rule) => rule === undefined)).toHaveLength(3);
      expect(new Set(answers.map(rulesOf))).toEqual(new Set([undefined, 'three-a-day']));
      expect((await lastDecided(gateway, 'mail')).data).toMatchObject({ used: { 'three-a-day': 3 } });
      // Somebody else has three as well.
      const key = await gateway.issueKey({ person: 'eve@example.com' });
      expect(rulesOf(await send(await connected(gateway, key)))).toBeUndefined();
      await gateway.restart();
      expect(rulesOf(await send(at(gateway, client)))).toBe('three-a-day');
    } finally {
      await gateway.close();
    }
  }, 60_000);

  it('counts what other processes let through', async () => {
    const gateway = await started(limited);
    const other = await beside(gateway);
    try {
      const here = await connected(gateway);
      await eventually(() => other.keys.authenticate(here.headers['authorization']!.slice('Bearer '.length), Date.now()).ok);
      const there = at(other, here);
      for (const client of [here, there, here]) expect(rulesOf(await send(client))).toBeUndefined();
      for (const client of [here, there]) expect(rulesOf(await send(client))).toBe('three-a-day');
    } finally {
      await other.close();
      await gateway.close();
    }
  }, 60_000);
});

describe('a rule with a limit, at two processes that decide before either has recorded anything', () => {
  const limited: Rules = [{ id: 'three-a-day', effect: 'allow', reason: 'Three a day.', tools: ['*/*'], limit: { calls: 3, window_s: 86_400, per: 'person' } }];
  /** While it is closed nothing becomes durable, so no process can know what another one decides. */
  let gate: Promise<void> = Promise.resolve();
  const gated = (log: EventLog): EventLog =>
    new Proxy(log, {
      get: (target, name: keyof EventLog) => {
        if (name === 'append') return async (...asked: Parameters<EventLog['append']>) => gate.then(() => target.append(...asked));
        const value = target[name];
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const environment = { ...replica, CUSTOMHOUSE_INGRESS_RECORD_TIMEOUT_MS: '120000', CUSTOMHOUSE_INGRESS_HISTORY_TIMEOUT_MS: '120000' };
  /** Sessions in which something was decided. */
  const decidedAt = async ({ registry }: Gateway): Promise<number> => (await registry.getSingleMetric('customhouse_ingress_remembered_sessions')!.get()).values[0]!.value;

  it('lets at most as many calls through at each as the limit has left, and none once they are recorded', async () => {
    const gateway = await Gateway.start({ rules: limited, environment, wrapLog: gated });
    await gateway.addServer('mail', upstream.transport);
    const other = await Gateway.start({ beside: gateway, environment, wrapLog: gated });
    try {
      const key = await gateway.issueKey();
      await eventually(() => other.ingress.knowsTool('mail', 'echo') && other.keys.authenticate(key, Date.now()).ok, 60_000);
      const clients = await Promise.all([gateway, other].map((process) => Promise.all(Array.from({ length: 5 }, () => connected(process, key)))));
      const before = upstream.callsOf('echo').length;
      let open = (): void => undefined;
      gate = new Promise((resolve) => (open = resolve));
      const calls = clients.flat().map((client) => send(client));
      await eventually(async () => (await decidedAt(gateway)) === 5 && (await decidedAt(other)) === 5, 60_000);
      open();
      const rules = (await Promise.all(calls)).map(rulesOf);
      // Three at each: the bound, and no more than that.
      expect([rules.slice(0, 5), rules.slice(5)].map((own) => own.filter((rule) => rule === undefined).length)).toEqual([3, 3]);
      expect(upstream.callsOf('echo').length).toBe(before + 6);
      for (const [client] of clients) expect(rulesOf(await send(client!))).toBe('three-a-day');
      expect((await lastDecided(gateway, 'mail')).data).toMatchObject({ used: { 'three-a-day': 6 } });
    } finally {
      gate = Promise.resolve();
      await other.close();
      await gateway.close();
    }
  }, 200_000);
});

describe('when the log cannot be read', () => {
  it('what looks at earlier calls is refused in time, and the rest goes on', async () => {
    let broken = false;
    const gateway = await Gateway.start({
      rules: noTrifecta,
      environment: { ...replica, CUSTOMHOUSE_INGRESS_HISTORY_TIMEOUT_MS: '200' },
      wrapLog: (log) =>
        new Proxy(log, {
          get: (target, name: keyof typeof log) => {
            if (name === 'ends' && broken) return () => Promise.reject(new Error('the log is away'));
            const value = target[name];
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    });
    try {
      await gateway.addServer('mail', upstream.transport, ['communicates-externally']);
      const client = await connected(gateway);
      expect(rulesOf(await send(client))).toBeUndefined();
      broken = true;
      const before = upstream.callsOf('echo').length;
      expect(await send(client)).toMatchObject({ error: { code: -31005, message: expect.stringContaining('cannot be read from the log') } });
      expect(upstream.callsOf('echo').length).toBe(before);
      broken = false;
      await eventually(async () => rulesOf(await send(client)) === undefined);
    } finally {
      await gateway.close();
    }
  }, 60_000);
});
