import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { PolicyExplanation, PolicyShadow, PolicySimulation } from '@customhouse/http-contract/policy-trials';
import type { Policy } from '@customhouse/policy-engine/policy';
import { eventually, Installation } from './installation.js';
import { RecordedCalls, type Given } from './recorded-calls.js';

jest.setTimeout(120_000);

const patience_ms = 60_000;
const readers = { id: 'readers', effect: 'allow', reason: 'It reads.', tools: ['*/*'], labels: ['read-only'] };
const notSecret = { id: 'not-secret', effect: 'refuse', reason: 'Secrets stay.', tools: ['files/*'], when: [{ argument: '/path', is: 'like', value: '/secret/*' }] };
const set = (...rules: object[]) => ({ version: 1, rules });

describe('trials of the policy', () => {
  let installation: Installation;
  let calls: RecordedCalls;
  let active: Policy;
  let auditor: string;

  const explain = (call: string, query = '', key = auditor) => installation.ask('GET', `/v1/policy/explanations/${call}${query}`, undefined, key);
  /** Records calls by the active policy, and waits until the history has them. */
  const record = async (...given: Given[]): Promise<string[]> => {
    const ids = await calls.record(active, given);
    await eventually(
      'the history has the calls',
      async () => (await installation.sql<{ count: string }>('select count(*) as count from history where call = any($1)', [ids]))[0]!.count === String(ids.length),
      patience_ms,
    );
    return ids;
  };
  const simulated = async (body: object): Promise<PolicySimulation> => {
    const begun = await eventually('no other simulation runs', async () => {
      const answer = await installation.ask('POST', '/v1/policy/simulations', body);
      return answer.status !== 409 && answer;
    });
    if (begun.status !== 202) throw new Error(JSON.stringify(begun.body));
    return eventually(
      'the simulation ends',
      async () => {
        const { body: simulation } = await installation.ask('GET', `/v1/policy/simulations/${begun.body.id}`);
        return simulation.state !== 'running' && PolicySimulation.parse(simulation);
      },
      patience_ms,
    );
  };

  beforeAll(async () => {
    installation = await Installation.start();
    auditor = await installation.key('otto', ['auditor']);
    calls = await RecordedCalls.on(installation);
    const number = await installation.draft(set(readers, notSecret));
    await installation.activate(number);
    active = await calls.policy(number);
  }, 120_000);
  afterAll(async () => {
    await calls?.close();
    await installation?.stop();
  }, 60_000);

  describe('an explanation', () => {
    it('makes the decision again on the recorded input, by the version of then', async () => {
      const [call] = await record({ arguments: { path: '/secret/plans', other: 'x' }, groups: ['staff'] });
      const { status, body } = await explain(call!);
      expect(status).toBe(200);
      expect(PolicyExplanation.parse(body)).toMatchObject({
        decided_by: 'policy',
        recorded: { effect: 'refuse', rules: [{ id: 'not-secret' }, { id: 'readers' }] },
        arguments: 'read',
        input: { principal: { agent: 'claude', person: 'ann@example.com', groups: ['staff'] }, tool: 'read', arguments: { '/path': '/secret/plans' } },
        reason: 'Secrets stay. (rule not-secret)',
        same: true,
        problem: null,
      });
      expect(body.again).toEqual(body.recorded);
    });

    it('asks another version about the same call', async () => {
      const [call] = await record({ arguments: { path: '/secret/plans' } });
      const other = await installation.draft(set({ ...readers, effect: 'hold' }));
      expect((await explain(call!, `?version=${other}`)).body).toMatchObject({ recorded: { effect: 'refuse' }, again: { effect: 'hold', policy: { number: other } }, same: false });
      expect((await explain(call!, '?version=4711')).status).toBe(404);
    });

    it('keeps the arguments from whoever is no auditor, and still says whether the decision is the same', async () => {
      const [call] = await record({ arguments: { path: '/secret/plans' } });
      const { body } = await explain(call!, '', installation.operator);
      expect(body).toMatchObject({ arguments: 'withheld', input: { arguments: {} }, same: true });
      expect(JSON.stringify(body)).not.toContain('/secret/plans');
    });

    it('says that no policy was asked where nothing of the kind was served, or the call was stopped', async () => {
      const refusal = (id: string) => ({ effect: 'refuse' as const, rules: [{ id, effect: 'refuse' as const, reason: 'Not now.' }], obligations: {} });
      const [unknown, stopped] = await record({ labels: null, tool: 'nothing', decision: refusal('unknown-tool') }, { decision: refusal('stopped') });
      for (const call of [unknown!, stopped!]) expect((await explain(call)).body).toMatchObject({ decided_by: 'gateway', input: null, arguments: 'unused', same: true });
    });

    it('lets what an external decision point said then count again', async () => {
      const said = { id: 'external-policy', effect: 'refuse' as const, reason: 'The company says no.' };
      const own = { id: 'readers', effect: 'allow' as const, reason: 'It reads.' };
      const policy = { number: active.version.number, digest: active.version.digest, external: 'http://opa:8181/v1/data/allow' };
      const [call] = await record({ decision: { effect: 'refuse', rules: [said, own], obligations: {}, policy } });
      expect((await explain(call!)).body).toMatchObject({ same: true, problem: null, again: { effect: 'refuse', rules: [said, own] } });
    });

    it('says when a decision does not come out as it was recorded', async () => {
      const [call] = await record({ decision: { effect: 'refuse', rules: [{ id: 'readers', effect: 'refuse', reason: 'Somebody changed this.' }] } });
      expect((await explain(call!)).body).toMatchObject({ same: false, recorded: { effect: 'refuse' }, again: { effect: 'allow' } });
    });

    it('says that a version of the same number here is another one', async () => {
      const [call] = await record({ decision: { policy: { number: active.version.number, digest: 'f'.repeat(64) } } });
      expect((await explain(call!)).body).toMatchObject({ again: null, same: null, problem: expect.stringContaining('has the digest') });
      const [gone] = await record({ decision: { policy: { number: 999, digest: 'f'.repeat(64) } } });
      expect((await explain(gone!)).body).toMatchObject({ again: null, problem: 'version 999 of the policy, which decided, is not stored here' });
    });

    it('of arguments that were erased with their person says so', async () => {
      const person = 'erased@example.com';
      const [call] = await record({ person, arguments: { path: '/x' } });
      await erase(person);
      await eventually('the key is known to be gone', async () => (await explain(call!)).body.arguments === 'erased', patience_ms);
      expect((await explain(call!)).body).toMatchObject({ input: null, again: null, same: null, problem: 'the version looks at arguments, and those were erased with the person' });
    });

    it('is not given of a call of another tenant, or one that nobody knows', async () => {
      const [call] = await record({ tenant: 'another' });
      expect((await explain(call!)).status).toBe(404);
      expect((await explain('01KAAAAAAAAAAAAAAAAAAAAAAA')).body.detail).toContain('of the last 90 days');
    });
  });

  /** Destroys the data keys of a person, as an erasure does. */
  async function erase(person: string): Promise<void> {
    const subject = calls.sealer.subjectOf('default', person);
    const log = await installation.log();
    const { records } = await log.readState('customhouse.state.keys');
    const keys = records.map((one) => one.key).filter((key) => key.startsWith(`${subject}/`));
    expect(keys).not.toEqual([]);
    for (const key of keys) await log.append([{ topic: 'customhouse.state.keys', key, value: null, headers: {} }], { timeout_ms: 30_000 });
  }

  describe('a simulation', () => {
    const agents = (count: number, given: Given) => Array.from({ length: count }, (_, index) => ({ ...given, agent: `agent-${index % 3}` }));

    it('counts what a version would have decided otherwise, by agent, person, tool and rule, with examples', async () => {
      const from = Date.now();
      await record(...agents(30, { time: from, tool: 'list', person: 'bob@example.com' }), ...agents(6, { time: from, arguments: { path: '/secret/plans' } }), {
        time: from,
        server: 'mail',
        tool: 'send',
        labels: [],
      });
      const version = await installation.draft(
        set(
          { id: 'lists-wait', effect: 'hold', reason: 'Somebody looks first.', tools: ['files/list'] },
          { id: 'secrets-are-read', effect: 'allow', reason: 'They are read now.', tools: ['files/*'], when: [{ argument: '/path', is: 'like', value: '/secret/*' }] },
        ),
      );
      const simulation = await simulated({ version, since: new Date(from).toISOString(), until: new Date(from + 1).toISOString() });
      expect(simulation).toMatchObject({ state: 'finished', version, against: null, total: 37, done: 37, problem: null, started_by: 'olga' });
      const report = simulation.report!;
      expect(report).toMatchObject({ calls: 37, unchanged: 1, erased: 0, unreadable: 0 });
      expect(report.changes.newly_held).toMatchObject({
        calls: 30,
        by_agent: {
          most: [
            { name: 'agent-0', calls: 10 },
            { name: 'agent-1', calls: 10 },
            { name: 'agent-2', calls: 10 },
          ],
          others: 0,
        },
        by_person: { most: [{ name: 'bob@example.com', calls: 30 }] },
        by_tool: { most: [{ name: 'files/list', calls: 30 }] },
        by_rule: { most: [{ name: 'lists-wait', calls: 30 }] },
      });
      expect(report.changes.newly_held.examples).toHaveLength(10);
      expect(report.changes.newly_allowed).toMatchObject({ calls: 6, by_rule: { most: [{ name: 'secrets-are-read', calls: 6 }] } });
      expect(report.changes.newly_allowed.examples[0]).toMatchObject({ before: { effect: 'refuse' }, after: { effect: 'allow' }, tool: 'read' });
      expect(report.changes.newly_refused.calls).toBe(0);
      expect(JSON.stringify(simulation)).not.toContain('/secret/plans');
    });

    it('counts for limits, looks for destinations and remembers sessions as if the version had been there', async () => {
      const from = Date.now() - 3_600_000;
      const session = 's-past';
      const at = (seconds: number, given: Given = {}): Given => ({ time: from + 1_000 * seconds, session, agent: 'limited', ...given });
      await record(at(0), at(1), at(2), at(61), at(62, { server: 'web', tool: 'post', arguments: { url: 'https://evil.example/x' } }));
      const version = await installation.draft(
        set(
          { ...readers, id: 'two-a-minute', tools: ['files/*'], limit: { calls: 2, window_s: 60, per: 'agent' } },
          { ...readers, id: 'web', tools: ['web/*'] },
          { id: 'known-hosts', effect: 'refuse', reason: 'Only to us.', tools: ['web/*'], destinations: { other_than: ['*.example.com'] } },
          { id: 'seen-files', effect: 'hold', reason: 'It has read.', tools: ['web/*'], session_labels: ['read-only'] },
        ),
      );
      const { report } = await simulated({ version, since: new Date(from).toISOString(), until: new Date(from + 90_000).toISOString() });
      expect(report).toMatchObject({ calls: 5, unchanged: 3, changes: { newly_refused: { calls: 2 } } });
      const [limited, sent] = report!.changes.newly_refused.examples;
      expect([limited!.time, limited!.after.rules[0]!.id]).toEqual([new Date(from + 2_000).toISOString(), 'two-a-minute']);
      expect(sent!.after.rules.map((rule) => rule.id)).toEqual(['known-hosts', 'seen-files', 'web']);
    });

    it('knows what was found in results, and which held calls were sent, also when they were held before it begins', async () => {
      const from = Date.now() - 1_800_000;
      const session = 's-taint';
      const at = (seconds: number, given: Given = {}): Given => ({ time: from + 1_000 * seconds, session, ...given });
      const hold: Given['decision'] = { effect: 'hold', rules: [{ id: 'waits', effect: 'hold', reason: 'Wait.' }], obligations: { approve: { quorum: 1, expires_s: 60 } } };
      const [, held] = await record(at(0), at(1, { labels: ['reads-sensitive'], decision: hold as Given['decision'] }));
      const [read] = await record(at(10, { tool: 'list' }));
      await calls.sent(held!, session, from + 20_000);
      await record(at(30, { server: 'web', tool: 'get' }));
      await calls.completed(read!, session, ['prompt-injection'], from + 40_000);
      await record(at(50, { server: 'web', tool: 'put' }));
      await eventually('the history has both', async () => (await installation.sql('select 1 from history_marks where call = any($1)', [[held, read]])).length === 2, patience_ms);
      const version = await installation.draft(
        set(
          { ...readers, tools: ['*/*'] },
          { id: 'private', effect: 'refuse', reason: 'No.', tools: ['*/*'], session_labels: ['reads-sensitive'] },
          { id: 'told', effect: 'refuse', reason: 'No.', tools: ['*/*'], session_labels: ['prompt-injection'] },
        ),
      );
      // The held call itself was before.
      const { report } = await simulated({ version, since: new Date(from + 5_000).toISOString(), until: new Date(from + 60_000).toISOString() });
      expect(report).toMatchObject({ calls: 3, unchanged: 1, changes: { newly_refused: { calls: 2 } } });
      expect(report!.changes.newly_refused.examples.map((example) => [example.tool, example.after.rules.filter(({ effect }) => effect === 'refuse').map(({ id }) => id)])).toEqual([
        ['get', ['private']],
        ['put', ['private', 'told']],
      ]);
    });

    it('compares two versions, whatever was decided then', async () => {
      const from = Date.now();
      await record({ time: from }, { time: from, tool: 'list' });
      const hold = (quorum: number) => set({ ...readers, effect: 'hold', approve: { quorum, expires_s: 60 } });
      const [one, two] = [await installation.draft(hold(1)), await installation.draft(hold(2))];
      const { report } = await simulated({ version: two, against: one, since: new Date(from).toISOString() });
      expect(report).toMatchObject({ calls: 2, unchanged: 0, changes: { other_terms: { calls: 2 }, newly_held: { calls: 0 } } });
    });

    it('takes the newest calls where there are more than asked for', async () => {
      await record(...agents(12, { tool: 'list' }));
      const version = await installation.draft(set());
      const { report, total } = await simulated({ version, calls: 5 });
      expect([report!.calls, total]).toEqual([5, 5]);
    });

    it('leaves out what nobody can read any more, and counts it', async () => {
      const from = Date.now();
      const person = 'gone@example.com';
      await record({ time: from, person, arguments: { path: '/x' } }, { time: from, person: 'carl@example.com', arguments: { path: '/x' } });
      await erase(person);
      const candidate = await installation.draft(set(readers, { ...notSecret, id: 'new' }));
      const report = await eventually(
        'the key is known to be gone',
        async () => {
          const simulation = await simulated({ version: candidate, since: new Date(from).toISOString(), until: new Date(from + 1).toISOString() });
          return simulation.report!.erased > 0 && simulation.report!;
        },
        patience_ms,
      );
      expect(report).toMatchObject({ calls: 2, unchanged: 1, erased: 1 });
      // A version that looks at no arguments decides it all the same.
      const blind = await installation.draft(set(readers));
      expect((await simulated({ version: blind, since: new Date(from).toISOString(), until: new Date(from + 1).toISOString() })).report).toMatchObject({
        calls: 2,
        unchanged: 2,
        erased: 0,
      });
    });

    it('makes the version a simulated one, and is told to the log', async () => {
      const version = await installation.draft(set(readers));
      const { id, report } = await simulated({ version });
      const told = await eventually('the simulation is told', async () =>
        (await installation.told('customhouse.policy')).find((event) => event.type === 'policy.version.simulated' && event.data.simulation === id),
      );
      expect(told.data).toMatchObject({ number: version, calls: report!.calls, by: 'olga' });
      expect(await installation.sql('select simulated is not null as simulated from versions where number = $1', [version])).toEqual([{ simulated: true }]);
    });

    it('of a version that is not there is refused', async () => {
      expect((await installation.ask('POST', '/v1/policy/simulations', { version: 4711 })).status).toBe(404);
      expect((await installation.ask('POST', '/v1/policy/simulations', { version: 0, against: 4711 })).status).toBe(404);
      expect((await installation.ask('POST', '/v1/policy/simulations', { version: 0, since: 'yesterday' })).status).toBe(400);
      expect((await installation.ask('GET', '/v1/policy/simulations/01KAAAAAAAAAAAAAAAAAAAAAAA')).status).toBe(404);
    });

    it('is refused while another one runs, in whatever process', async () => {
      const other = new pg.Client({ connectionString: installation.environment['CUSTOMHOUSE_DATABASE_URL'] });
      await other.connect();
      try {
        await other.query(`select pg_advisory_lock(hashtextextended('customhouse.policy.simulation', 0))`);
        const { status, body } = await installation.ask('POST', '/v1/policy/simulations', { version: 0 });
        expect([status, body.code]).toEqual([409, 'conflict']);
      } finally {
        await other.end();
      }
    });

    it('that was cut off says so after the next start, and one that runs can be cancelled', async () => {
      const insert = (id: string) => installation.sql(`insert into simulations (id, version, state, started_by) values ($1, 0, 'running', 'olga')`, [id]);
      const [one, other] = ['01KCCCCCCCCCCCCCCCCCCCCCCC', '01KDDDDDDDDDDDDDDDDDDDDDDD'] as const;
      await insert(one);
      const { body } = await installation.ask('POST', `/v1/policy/simulations/${one}/cancel`);
      expect(body).toMatchObject({ id: one, state: 'cancelled', report: null });
      await insert(other);
      await installation.restart();
      expect((await installation.ask('GET', `/v1/policy/simulations/${other}`)).body).toMatchObject({ state: 'failed', problem: 'the process that ran it ended' });
      expect((await installation.ask('POST', `/v1/policy/simulations/${other}/cancel`)).body.state).toBe('failed');
    });

    it('that was cancelled, or was through before that, makes room for another at once', async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        const begun = await installation.ask('POST', '/v1/policy/simulations', { version: 0 });
        expect(begun.status).toBe(202);
        const { body } = await installation.ask('POST', `/v1/policy/simulations/${begun.body.id}/cancel`);
        expect(['cancelled', 'finished']).toContain(body.state);
        expect(body.report === null).toBe(body.state === 'cancelled');
      }
    });

    it('is listed newest first, in pages', async () => {
      const pages: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const { body } = await installation.ask('GET', `/v1/policy/simulations?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
        pages.push(...body.items.map((item: PolicySimulation) => item.id));
        cursor = body.next;
      }
      expect(pages).toEqual([...pages].sort().reverse());
      expect(pages.length).toBeGreaterThan(4);
    });
  });

  describe('a shadow', () => {
    const show = async () => PolicyShadow.parse((await installation.ask('GET', '/v1/policy/shadow')).body);
    const seen = (calls: number) =>
      eventually(
        `${calls} calls were looked at`,
        async () => {
          const shadow = await show();
          return shadow.report.calls >= calls && shadow;
        },
        patience_ms,
      );

    it('decides the calls that come, counts the differences as they grow, and changes nothing', async () => {
      const version = await installation.draft(set({ ...readers, id: 'wait', effect: 'hold' }, notSecret));
      const started = await installation.ask('POST', '/v1/policy/shadow', { version });
      expect([started.status, started.body.version, started.body.started_by]).toEqual([201, version, 'olga']);
      expect(await installation.sql('select shadowed is not null as shadowed from versions where number = $1', [version])).toEqual([{ shadowed: true }]);
      await record({ tool: 'list' }, { arguments: { path: '/secret/x' } });
      expect((await seen(2)).report).toMatchObject({ unchanged: 1, changes: { newly_held: { calls: 1, by_tool: { most: [{ name: 'files/list', calls: 1 }] } } } });
      await record({ tool: 'list' });
      const { report } = await seen(3);
      expect(report.changes.newly_held).toMatchObject({ calls: 2, by_rule: { most: [{ name: 'wait', calls: 2 }] } });
      expect(await installation.activeNumber()).toBe(active.version.number);
    });

    it('is refused while another one runs', async () => {
      const { status, body } = await installation.ask('POST', '/v1/policy/shadow', { version: 0 });
      expect([status, body.code]).toEqual([409, 'conflict']);
      expect((await installation.ask('POST', '/v1/policy/shadow', { version: 4711 })).status).toBe(404);
    });

    it('goes on after a restart where it was', async () => {
      const before = (await show()).report.calls;
      await installation.restart();
      await record({ tool: 'list' });
      expect((await seen(before + 1)).report).toMatchObject({ calls: before + 1, changes: { newly_held: { calls: 3 } } });
    });

    it('remembers windows of limits and sessions over a restart', async () => {
      await installation.ask('DELETE', '/v1/policy/shadow');
      const session = 's-shadow';
      const version = await installation.draft(
        set(
          { ...readers, tools: ['files/*'], limit: { calls: 2, window_s: 86_400, per: 'session' } },
          { ...readers, id: 'web', tools: ['web/*'] },
          { id: 'told', effect: 'hold', reason: 'It was told to.', tools: ['web/*'], session_labels: ['prompt-injection'] },
        ),
      );
      await installation.ask('POST', '/v1/policy/shadow', { version });
      const [first] = await record({ session }, { session });
      await calls.completed(first!, session, ['prompt-injection']);
      await seen(2);
      await eventually(
        'the finding is remembered',
        async () => (await installation.sql(`select 1 from shadow_memory where value like '%prompt-injection%'`)).length > 0,
        patience_ms,
      );
      await installation.restart();
      await record({ session }, { session, server: 'web', tool: 'get' });
      const { report } = await seen(4);
      expect(report).toMatchObject({ calls: 4, unchanged: 2, changes: { newly_refused: { calls: 1 }, newly_held: { calls: 1 } } });
      expect(report.changes.newly_refused.by_rule.most).toEqual([{ name: 'readers', calls: 1 }]);
      await installation.ask('DELETE', '/v1/policy/shadow');
      expect(await installation.sql('select 1 from shadow_memory')).toEqual([]);
    });

    it('that does not run costs nothing: nobody follows the calls for it, and one begins with the first call after its start', async () => {
      const group = `group_name = 'policy.shadow'`;
      await eventually(
        'the group rests',
        async () => (await installation.sql(`select 1 from consumers where ${group} and lease_until <= clock_timestamp()`)).length === 1,
        patience_ms,
      );
      const noted = () =>
        installation.sql(`select (select count(*) from processed_events where ${group}) as ids, (select sum(next_offset) from positions where ${group}) as places`);
      const before = await noted();
      await record({}, { tool: 'list' }, { tool: 'list' });
      expect(await noted()).toEqual(before);
      const version = await installation.draft(set({ ...readers, effect: 'hold' }));
      await installation.ask('POST', '/v1/policy/shadow', { version });
      await record({});
      expect((await seen(1)).report).toMatchObject({ calls: 1, changes: { newly_held: { calls: 1 } } });
      await record({});
      expect((await seen(2)).report.calls).toBe(2);
    });

    it('ends, keeps its report, and is told to the log', async () => {
      const { body } = await installation.ask('DELETE', '/v1/policy/shadow');
      expect(body).toMatchObject({ ended_by: 'olga', report: { changes: { newly_held: { calls: 2 } } } });
      await record({ tool: 'list' });
      expect(await show()).toEqual(body);
      expect((await installation.ask('DELETE', '/v1/policy/shadow')).status).toBe(404);
      const told = await eventually('both are told', async () => {
        const events = (await installation.told('customhouse.policy')).filter((event) => event.data.shadow === body.id);
        return events.length === 2 && events;
      });
      expect(told.map((event) => [event.type, event.data.newly_held])).toEqual([
        ['policy.shadow.started', undefined],
        ['policy.shadow.ended', 2],
      ]);
    });
  });

  describe('the history', () => {
    it('forgets what is older than it is to be, with all its parts', async () => {
      const old = Date.now() - 100 * 86_400_000;
      const ids = await calls.record(active, [{ time: old, agent: 'long-ago' }, { agent: 'just-now' }]);
      await eventually('the newer call is there', async () => (await installation.sql('select 1 from history where call = $1', [ids[1]])).length > 0, patience_ms);
      expect(await installation.sql('select 1 from history where call = $1', [ids[0]])).toEqual([]);
      const week = Math.floor(old / (7 * 86_400_000));
      await installation.sql('update history set time = $1 where call = $2', [old, ids[1]]);
      await installation.sql(`insert into history_marks (time, number, call, happened) values ($1, 0, $2, 'sent')`, [old, ids[1]]);
      await installation.sql('insert into history_parts (week, digest, body) values ($1, $2, $3)', [week, Buffer.from('x'), '{}']);
      await installation.restart();
      await eventually('both are forgotten', async () => {
        const [{ count }] = (await installation.sql<{ count: string }>(
          'select (select count(*) from history where time = $2) + (select count(*) from history_marks where time = $2) + (select count(*) from history_parts where week = $1) as count',
          [week, old],
        )) as [{ count: string }];
        return count === '0';
      });
    });

    it('keeps a call once, however often its event comes', async () => {
      const [call] = await record({});
      const intents = (await installation.told('customhouse.calls')).filter((event) => event.data.call === call);
      await (await installation.log()).append([{ topic: 'customhouse.calls', key: intents[0]!.key, value: intents[0]!.bytes, headers: {} }], { timeout_ms: 30_000 });
      await record({});
      expect(await installation.sql('select call from history where call = $1', [call])).toHaveLength(1);
    });
  });

  it('keeps to the limits that it was given', async () => {
    await record(...Array.from({ length: 6 }, (_, index) => ({ tool: 'list', agent: `agent-${index}` })));
    await installation.restart({
      CUSTOMHOUSE_POLICY_SIMULATION_CALLS_COUNT: '5',
      CUSTOMHOUSE_POLICY_SIMULATIONS_KEPT_COUNT: '2',
      CUSTOMHOUSE_POLICY_REPORT_NAMES_COUNT: '1',
      CUSTOMHOUSE_POLICY_REPORT_EXAMPLES_COUNT: '2',
    });
    const version = await installation.draft(set());
    const last = [(await simulated({ version, calls: 100 })).id, (await simulated({ version })).id, (await simulated({ version })).id];
    const { body } = await installation.ask('GET', '/v1/policy/simulations');
    expect(body.items.map((item: PolicySimulation) => item.id)).toEqual([last[2], last[1]]);
    const { newly_refused } = body.items[0].report.changes;
    expect([newly_refused.calls, newly_refused.by_agent.most.length, newly_refused.by_agent.others, newly_refused.examples.length]).toEqual([5, 1, 4, 2]);
    await installation.restart();
  });

  it('is for operators and auditors, and what changes something for operators alone', async () => {
    const amy = await installation.key('amy', ['agent', 'approver']);
    const reads = ['/v1/policy/simulations', '/v1/policy/shadow', '/v1/policy/explanations/01KAAAAAAAAAAAAAAAAAAAAAAA'];
    const writes = [
      ['POST', '/v1/policy/simulations', { version: 0 }],
      ['POST', '/v1/policy/simulations/01KAAAAAAAAAAAAAAAAAAAAAAA/cancel', undefined],
      ['POST', '/v1/policy/shadow', { version: 0 }],
      ['DELETE', '/v1/policy/shadow', undefined],
    ] as const;
    for (const path of reads) {
      expect([path, (await installation.ask('GET', path, undefined, amy)).status]).toEqual([path, 403]);
      expect([path, (await installation.ask('GET', path, undefined, auditor)).status === 403]).toEqual([path, false]);
    }
    for (const [method, path, body] of writes) expect([path, (await installation.ask(method, path, body, auditor)).status]).toEqual([path, 403]);
  });
});
