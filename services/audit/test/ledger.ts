import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { callAborted, callCompleted, callDenied, callDispatched, callFailed, callOutcomeLost } from '@customhouse/events/call/events';
import { findingRaised } from '@customhouse/events/finding/events';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { canonicalise } from '@customhouse/kernel/canonical';
import { timestamp } from '@customhouse/kernel/time';
import { eventually, House, type Ingress } from './house.js';

/** Where the log and the rows are. */
export interface Engines {
  readonly logUrl: string;
  readonly databaseUrl: string;
  readonly settings?: Record<string, string>;
}

let house: House;
let ingress: Ingress;

async function complete(intent: { call: string; session: string }, more: Partial<{ error: boolean; person: string; findings: string[]; id: string }> = {}) {
  const result = await ingress.seal(more.person ?? 'alice@example.com', { content: [{ type: 'text', text: 'the secret recipe' }] });
  const findings = (more.findings ?? []).map((rule) => ({ rule, severity: 'high' as const, location: 'result', message: 'seen' }));
  return ingress.append(callCompleted, { call: intent.call, error: more.error ?? false, result, findings, upstream_ms: 12.5 }, intent.session, { id: more.id });
}

/** What the ledger promises, on any engine of the log. */
export function ledger(engines: Engines): void {
  beforeAll(async () => {
    house = await House.open(engines);
    ingress = await house.ingress();
  }, 60_000);
  afterAll(async () => house.close(), 30_000);

  describe('the search', () => {
    it('finds a call by agent, person, tool, server, decision, status, rule, time and text', async () => {
      const agent = 'searched';
      const first = await ingress.admit({ agent, person: 'bob@example.com' });
      await complete(first, { person: 'bob@example.com', findings: ['credential'] });
      const second = await ingress.admit({ agent, server: 'bank', tool: 'transfer_money', exposed: 'bank__transfer_money' });
      await ingress.append(
        callFailed,
        { call: second.call, reason: 'unreachable', message: 'connection refused by the accounting department', result: null, upstream_ms: 3 },
        second.session,
      );
      const third = await ingress.refuse({ agent });
      await house.status(first.call, 'completed');
      await house.status(second.call, 'failed');
      await house.status(third.call, 'refused');
      const found = async (query: Record<string, string>) => (await house.search({ agent, ...query })).map((row) => row.call);

      expect(await found({})).toEqual([third.call, second.call, first.call]);
      expect(await found({ person: 'bob@example.com' })).toEqual([first.call]);
      expect(await found({ server: 'bank' })).toEqual([second.call]);
      expect(await found({ tool: 'transfer_money' })).toEqual([second.call]);
      expect(await found({ tool: 'bank__transfer_money' })).toEqual([second.call]);
      expect(await found({ effect: 'refuse' })).toEqual([third.call]);
      expect(await found({ status: 'failed' })).toEqual([second.call]);
      expect(await found({ rule: 'no-vault' })).toEqual([third.call]);
      expect(await found({ text: 'account refused' })).toEqual([second.call]);
      expect(await found({ text: 'VAULT' })).toEqual([third.call]);
      expect(await found({ text: 'credential' })).toEqual([first.call]);
      expect(await found({ text: '&|!()' })).toEqual([]);
      expect(await found({ from: timestamp(Date.now() + 1_000) })).toEqual([]);
      expect(await found({ from: '1960-01-01T00:00:00+02:00' })).toHaveLength(3);
      expect(await found({ to: timestamp(Date.now() + 1_000), from: timestamp(Date.now() - 60_000) })).toHaveLength(3);
      expect(await found({ text: 'recipe' })).toEqual([]);
    });

    it('finds calls by their method, by what they are aimed at however long it is, and by the call in whose course a server asked', async () => {
      const agent = 'several methods';
      const uri = `file:///${'ü'.repeat(2_000)}`;
      const tool = await ingress.admit({ agent });
      const read = await ingress.admit({ agent, method: 'resources/read', tool: uri, exposed: uri });
      const asked = await ingress.refuse({ agent, method: 'sampling/createMessage', during: tool.call });
      await house.status(asked.call, 'refused');
      const found = async (query: Record<string, string>) => (await house.search({ agent, ...query })).map((row) => row.call);
      expect(await found({ method: 'resources/read' })).toEqual([read.call]);
      expect(await found({ method: 'tools/call' })).toEqual([tool.call]);
      expect(await found({ tool: uri.slice(0, 500) })).toEqual([read.call]);
      expect(await found({ during: tool.call })).toEqual([asked.call]);
      expect(await found({ text: 'sampling' })).toEqual([asked.call]);
      expect((await house.get(`/v1/calls/${asked.call}`)).body).toMatchObject({ method: 'sampling/createMessage', during: tool.call });
      expect((await house.get(`/v1/calls/${read.call}`)).body).toMatchObject({ method: 'resources/read', during: null });
    });

    it('answers pages that a call which comes later does not move', async () => {
      const agent = 'paged';
      const calls = [];
      for (let index = 0; index < 5; index += 1) calls.push((await ingress.refuse({ agent })).call);
      await house.status(calls[4]!, 'refused');
      const first = await house.get(`/v1/calls?agent=${agent}&limit=2`);
      await house.status((await ingress.refuse({ agent })).call, 'refused');
      const second = await house.get(`/v1/calls?agent=${agent}&limit=2&cursor=${first.body.next}`);
      const third = await house.get(`/v1/calls?agent=${agent}&limit=2&cursor=${second.body.next}`);
      expect([...first.body.items, ...second.body.items, ...third.body.items].map((row: { call: string }) => row.call)).toEqual(calls.toReversed());
      expect(third.body.next).toBeNull();
    });

    it('refuses the cursor of another query, and one that is none', async () => {
      const agent = 'paged';
      const { body } = await house.get(`/v1/calls?agent=${agent}&limit=2`);
      expect((await house.get(`/v1/calls?agent=another&limit=2&cursor=${body.next}`)).body).toMatchObject({ code: 'bad-cursor', status: 400 });
      expect((await house.get('/v1/calls?cursor=nonsense')).body).toMatchObject({ code: 'bad-cursor' });
    });

    it('answers all faults of a query at once', async () => {
      const { status, body } = await house.get('/v1/calls?limit=0&effect=perhaps&from=yesterday&to=2026-13-45T99:99:99.999Z');
      expect(status).toBe(400);
      expect(body.problems.map((problem: { pointer: string }) => problem.pointer).sort()).toEqual(['/query/effect', '/query/from', '/query/limit', '/query/to']);
    });

    it('shows a tenant nothing of another', async () => {
      const other = await house.key('mallory', ['auditor'], 'other-tenant');
      const intent = await ingress.refuse({ agent: 'tenants' });
      await house.status(intent.call, 'refused');
      expect(await house.search({ agent: 'tenants' }, other)).toEqual([]);
      expect((await house.get(`/v1/calls/${intent.call}`, other)).status).toBe(404);
      expect((await house.get('/v1/events/export', other)).body).toMatchObject({ code: 'forbidden' });
      expect((await house.get('/v1/events/tail', other)).body).toMatchObject({ code: 'forbidden' });
    });

    it('is closed without a key, with an unknown one, and to an agent', async () => {
      expect((await fetch(`${house.service.apiUrl}/v1/calls`)).status).toBe(401);
      expect((await house.get('/v1/calls', 'chk_0123456789abcdef_0123456789012345678901234567890123456789012')).status).toBe(401);
      expect((await house.get('/v1/calls', await house.key('agnes', ['agent']))).status).toBe(403);
    });
  });

  describe('one call', () => {
    it('shows what it carried to an auditor, and its events in order', async () => {
      const held = await ingress.hold({ args: { path: '/etc/motd' } });
      await ingress.append(callDispatched, { call: held.call, approval: held.approval, binding: 'binding', deadline: timestamp(Date.now() + 60_000) }, held.session);
      await complete(held, { error: true });
      await ingress.writer.append({
        declaration: findingRaised,
        subject: `call-${held.call}`,
        key: held.call,
        data: {
          about: { kind: 'call', call: held.call, part: 'arguments' },
          pack: '1',
          findings: [{ rule: 'hidden-characters', severity: 'low', location: 'arguments', message: 'seen' }],
        },
      });
      const body = await eventually('the finding is there', async () => {
        const shown = await house.status(held.call, 'completed');
        return shown.timeline.length === 4 ? shown : undefined;
      });
      expect(body).toMatchObject({ agent: 'reporter', effect: 'hold', error: true, approval: held.approval, upstream_ms: 12.5, anomalies: [] });
      expect(body.arguments).toEqual({ state: 'open', value: { path: '/etc/motd' } });
      expect(body.result).toMatchObject({ state: 'open', value: { content: [{ text: 'the secret recipe' }] } });
      expect(body.timeline.map((event: { type: string }) => event.type).sort()).toEqual(['call.completed', 'call.dispatched', 'call.held', 'finding.raised']);
      const ofCall = body.timeline.filter((event: { type: string }) => event.type.startsWith('call.')).map((event: { type: string }) => event.type);
      expect(ofCall).toEqual(['call.held', 'call.dispatched', 'call.completed']);
      expect(JSON.stringify(body.timeline)).not.toContain(held.arguments.data);
    });

    it('does not open what it carried for an operator', async () => {
      const intent = await ingress.refuse();
      await house.status(intent.call, 'refused');
      const { body } = await house.get(`/v1/calls/${intent.call}`, house.operator);
      expect(body.arguments).toEqual({ state: 'sealed', digest: intent.arguments.digest, bytes: intent.arguments.bytes });
    });

    it('says so when its person was erased', async () => {
      const person = 'erased@example.com';
      const intent = await ingress.refuse({ person });
      const subject = house.sealer.subjectOf('default', person);
      expect((await house.status(intent.call, 'refused')).arguments.state).toBe('open');
      await house.registry.remove('customhouse.state.keys', `${subject}/${intent.arguments.key}`);
      await eventually('the key is gone', async () => (await house.get(`/v1/calls/${intent.call}`)).body.arguments.state === 'erased');
    });

    it('that nobody knows is not found, and the answer says how far the ledger is', async () => {
      const { status, body } = await house.get(`/v1/calls/${newUlid()}`);
      expect(status).toBe(404);
      expect(body.detail).toContain('complete until');
    });
  });

  describe('the record of a call', () => {
    it('keeps the first end and notes what contradicts it', async () => {
      const intent = await ingress.admit();
      await complete(intent);
      await ingress.append(callOutcomeLost, { call: intent.call, reason: 'writer-gone' }, intent.session);
      const body = await eventually('the anomaly is noted', async () => {
        const shown = await house.status(intent.call, 'completed');
        return shown.anomalies.length > 0 ? shown : undefined;
      });
      expect(body.anomalies).toEqual(['second-terminal']);
      const { body: list } = await house.get('/v1/calls/anomalies');
      expect(list.items).toContainEqual(expect.objectContaining({ call: intent.call, kind: 'second-terminal', type: 'customhouse.call.outcome.lost.v1' }));
    });

    it('is not changed by an event that comes twice', async () => {
      const intent = await ingress.admit();
      const id = newUlid();
      await complete(intent, { id });
      await complete(intent, { id });
      const marker = await ingress.refuse({ agent: 'marker', session: intent.session });
      await house.status(marker.call, 'refused');
      const { body } = await house.get(`/v1/calls/${intent.call}`);
      expect(body.anomalies).toEqual([]);
      expect(body.timeline).toHaveLength(2);
    });

    it('of a denied call says why', async () => {
      const held = await ingress.hold();
      await ingress.append(callDenied, { call: held.call, approval: held.approval, reason: 'expired', message: 'Nobody decided.' }, held.session);
      expect(await house.status(held.call, 'denied')).toMatchObject({ reason: 'expired: Nobody decided.' });
    });

    it('stands for an abort whose intent was never recorded', async () => {
      const call = newUlid();
      await ingress.append(callAborted, { call, reason: 'log-unavailable' }, 'session-aborted');
      await eventually('the row is there', async () => (await house.sql('select status from calls where call = $1', [call]))[0]?.status === 'aborted');
      expect(await house.sql('select 1 from anomalies where call = $1', [call])).toEqual([]);
    });
  });

  describe('records that cannot be taken', () => {
    it('are put aside whole, and the ones behind them are taken', async () => {
      const before = (await house.get('/v1/projections/calls')).body.dead_letters;
      const intent = await ingress.admit({ agent: 'poison' });
      const session = intent.session;
      await house.force({ topic: 'customhouse.calls', key: session, value: Buffer.from('{"not json') });
      await house.force({ topic: 'customhouse.calls', key: session, value: Buffer.from([0xff, 0x00, 0xfe]) });
      await house.force({
        topic: 'customhouse.calls',
        key: session,
        value: Buffer.from(canonicalise({ ...envelope('customhouse.call.completed.v1'), data: { call: intent.call, error: 'perhaps' } })),
      });
      await complete(intent);
      await house.status(intent.call, 'completed');
      await eventually('all are counted', async () => (await house.get('/v1/projections/calls')).body.dead_letters === before + 3);
      const dead = await eventually('all are on the dead-letter topic', async () => {
        const records = await house.records('customhouse.calls.dead.audit.ledger');
        return records.length >= 3 ? records : undefined;
      });
      expect(dead.map((record) => record.headers['customhouse-dead-reason'])).toEqual(
        expect.arrayContaining([expect.stringContaining('is not JSON'), expect.stringContaining('does not fit its schema')]),
      );
      expect(Buffer.from(dead.find((record) => record.headers['customhouse-dead-reason']!.includes('not JSON'))!.value!).toString()).toBe('{"not json');
    });

    it('but are events of an unknown type or a newer version are kept in the ledger as they are', async () => {
      const call = newUlid();
      const values = ['customhouse.call.teleported.v1', 'customhouse.call.completed.v9', 'example.com.something'].map((type) =>
        canonicalise({ ...envelope(type), data: { call, anything: '\u0000\ud800' } }),
      );
      for (const value of values) await house.force({ topic: 'customhouse.calls', key: 'session-foreign', value: Buffer.from(value) });
      const rows = await eventually('all are there', async () => {
        const found = await house.sql<{ bytes: Buffer }>('select bytes from events where call = $1 order by number', [call]);
        return found.length === 3 ? found : undefined;
      });
      expect(rows.map((row) => row.bytes.toString())).toEqual(values);
      expect(await house.sql('select 1 from calls where call = $1', [call])).toEqual([]);
    });
  });

  describe('the exports', () => {
    it('write every call as a line, oldest first, with the filters of the search', async () => {
      const agent = 'exported';
      const calls = [];
      for (let index = 0; index < 3; index += 1) calls.push((await ingress.refuse({ agent })).call);
      await house.status(calls[2]!, 'refused');
      expect((await house.lines(`/v1/calls/export?agent=${agent}`)).map((line) => line.call)).toEqual(calls);
      const all = await house.lines('/v1/calls/export');
      expect(all.map((line) => line.call)).toEqual(all.map((line) => line.call).sort());
    });

    it('write the events of the ledger so that their bytes can be made again', async () => {
      await house.caughtUp();
      const exported = await house.lines('/v1/events/export?topic=customhouse.calls');
      const bytes = exported.map((line) => (line.event === undefined ? Buffer.from(line.bytes, 'base64').toString() : canonicalise(line.event)));
      const logged = new Map(
        (await house.records('customhouse.calls')).map((record) => [`${record.position.partition}/${record.position.offset}`, Buffer.from(record.value!).toString()]),
      );
      expect(exported.length).toBeGreaterThan(10);
      expect(exported.map((line, index) => logged.get(`${line.position.partition}/${line.position.offset}`) === bytes[index])).not.toContain(false);
    });

    it('are for auditors', async () => {
      expect((await house.get('/v1/events/export', house.operator)).status).toBe(403);
    });
  });

  describe('a tail', () => {
    it('gives events as they come, and continues where it was', async () => {
      const stop = new AbortController();
      const response = await fetch(`${house.service.apiUrl}/v1/events/tail?type=call.`, { headers: { authorization: `Bearer ${house.auditor}` }, signal: stop.signal });
      expect(response.headers.get('content-type')).toContain('text/event-stream');
      const reader = new Reader(response);
      await reader.until(': following');
      const first = await ingress.refuse({ agent: 'tailed' });
      const event = await reader.event(first.call);
      stop.abort();
      const second = await ingress.refuse({ agent: 'tailed' });
      const again = new AbortController();
      const resumed = await fetch(`${house.service.apiUrl}/v1/events/tail?type=call.refused`, {
        headers: { authorization: `Bearer ${house.auditor}`, 'last-event-id': String(event.number) },
        signal: again.signal,
      });
      expect(await new Reader(resumed).event(second.call)).toMatchObject({ type: 'call.refused', call: second.call });
      again.abort();
    });
  });

  describe('the SIEM topic', () => {
    it('gets one OCSF record for each outcome, keyed by the call, without what it carried', async () => {
      const secret = 'swordfish-4711';
      const intent = await ingress.admit({ agent: 'siem', args: { text: secret } });
      await complete(intent);
      const refused = await ingress.refuse({ agent: 'siem', args: { text: secret } });
      const records = await eventually('both are there', async () => {
        const found = (await house.records('customhouse.audit.ocsf')).filter((record) => record.key === intent.call || record.key === refused.call);
        return found.length === 2 ? found : undefined;
      });
      const texts = records.map((record) => Buffer.from(record.value!).toString());
      expect(texts.join()).not.toContain(secret);
      const bodies = texts.map((text) => JSON.parse(text) as Record<string, any>);
      expect(bodies).toContainEqual(expect.objectContaining({ class_uid: 6003, type_uid: 600_399, status_id: 1, action_id: 1 }));
      expect(bodies).toContainEqual(expect.objectContaining({ class_uid: 6003, status_id: 2, action_id: 2, disposition_id: 2 }));
      expect(new Set(bodies.map((body) => body['metadata'].uid)).size).toBe(2);
    });
  });

  describe('a rebuild', () => {
    for (const source of ['log', 'ledger']) {
      it(`from the ${source} gives the same rows, while calls go on`, async () => {
        await house.caughtUp();
        const going = { on: true };
        const traffic = (async () => {
          while (going.on) await complete(await ingress.admit({ agent: 'traffic' }));
        })();
        const { status, body } = await house.post('/v1/projections/calls/rebuild', { source });
        expect([status, body.state, body.source]).toEqual([202, 'running', source]);
        const done = await eventually('it is done', async () => {
          const { rebuild } = (await house.get('/v1/projections/calls')).body;
          return rebuild.state !== 'running' ? rebuild : undefined;
        });
        going.on = false;
        await traffic;
        expect(done).toMatchObject({ state: 'swapped', equal: true, problem: null });
        expect(done.live_hash).toBe(done.rebuilt_hash);
        expect(done.calls).toBeGreaterThan(20);
        const after = await ingress.refuse({ agent: 'after-rebuild' });
        await house.status(after.call, 'refused');
        expect((await house.get('/v1/calls/anomalies')).body.items.length).toBeGreaterThan(0);
      }, 60_000);
    }

    it('is for operators', async () => {
      expect((await house.post('/v1/projections/calls/rebuild', {}, house.auditor)).status).toBe(403);
    });

    it('finds rows that were changed behind its back, and puts them right', async () => {
      const intent = await ingress.refuse({ agent: 'tampered' });
      await house.status(intent.call, 'refused');
      await house.sql(`update calls set agent = 'innocent' where call = $1`, [intent.call]);
      await house.post('/v1/projections/calls/rebuild', {});
      const done = await eventually('it is done', async () => {
        const { rebuild } = (await house.get('/v1/projections/calls')).body;
        return rebuild.state !== 'running' ? rebuild : undefined;
      });
      expect(done).toMatchObject({ state: 'swapped', equal: false });
      expect((await house.get(`/v1/calls/${intent.call}`)).body.agent).toBe('tampered');
    }, 60_000);
  });
}

function envelope(type: string) {
  return { specversion: '1.0', id: newUlid(), type, source: 'customhouse/test/test', subject: 'call-x', time: timestamp(Date.now()), datacontenttype: 'application/json' };
}

/** Reads server-sent events. */
class Reader {
  private text = '';
  private readonly chunks: AsyncIterator<Uint8Array>;

  constructor(response: Response) {
    this.chunks = response.body![Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  async until(wanted: string): Promise<void> {
    while (!this.text.includes(wanted)) {
      const { value, done } = await this.chunks.next();
      if (done) throw new Error(`the stream ended before ${wanted}`);
      this.text += Buffer.from(value).toString();
    }
  }

  async event(call: string): Promise<any> {
    await this.until(call);
    await this.until('\n\n');
    const data = this.text.split('\n').find((line) => line.startsWith('data: ') && line.includes(call));
    return JSON.parse(data!.slice('data: '.length));
  }
}
