import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { PolicyStop } from '@customhouse/http-contract/policy';
import { eventually, Installation } from './installation.js';

jest.setTimeout(60_000);

let installation: Installation;
beforeAll(async () => {
  installation = await Installation.start();
}, 60_000);
afterAll(() => installation?.stop(), 30_000);

const stop = (body: unknown, key?: string) => installation.ask('POST', '/v1/policy/stops', body, key);
const lift = (body: unknown, key?: string) => installation.ask('POST', '/v1/policy/stops/lift', body, key);
const stops = async () => (await installation.ask('GET', '/v1/policy/stops')).body.items;
/** What every ingress follows, once it is as wanted. */
const published = (what: string, good: (keys: string[]) => boolean) =>
  eventually(what, async () => {
    const state = await installation.published();
    return good([...state.keys()].filter((key) => key.startsWith('stop/')).sort()) && state;
  });
/** Waits until the log tells of this name as often: what an answer says is told a moment later. */
const told = (name: string, times: number): Promise<StoredEvent<any>[]> =>
  eventually(`stops of ${name} are told ${times} times`, async () => {
    const events = (await installation.told('customhouse.policy')).filter(({ type, data }) => type.startsWith('policy.stop.') && data.name === name);
    return events.length >= times && events;
  });

// Whatever a test leaves stopped is not the next one's.
afterEach(async () => {
  for (const { kind, name } of (await stops()) ?? []) await lift({ kind, name });
});

describe('a stop', () => {
  it('is ordered, shown, published for every ingress and told to the log, and the same when it is lifted', async () => {
    const { status, body } = await stop({ kind: 'agent', name: 'Claude ', reason: 'It pays twice.' });
    expect(status).toBe(201);
    expect(PolicyStop.parse(body)).toMatchObject({ kind: 'agent', name: 'claude', reason: 'It pays twice.', by: 'olga' });
    expect(await stops()).toEqual([body]);
    const state = await published('the stop is published', (keys) => keys.includes('stop/agent/claude'));
    expect(state.get('stop/agent/claude')).toMatchObject({ type: 'policy.stop.published', data: body });

    expect(await lift({ kind: 'agent', name: 'claude', reason: 'Repaired.' })).toMatchObject({ status: 204 });
    expect(await stops()).toEqual([]);
    await published('the stop is gone', (keys) => keys.length === 0);
    expect((await told('claude', 2)).map(({ type, data }) => [type, data])).toEqual([
      ['policy.stop.ordered', { kind: 'agent', name: 'claude', reason: 'It pays twice.', by: 'olga' }],
      ['policy.stop.lifted', { kind: 'agent', name: 'claude', reason: 'Repaired.', by: 'olga' }],
    ]);
  });

  it('needs no reason, and everything needs no name', async () => {
    expect((await stop({ kind: 'everything' })).body).toMatchObject({ kind: 'everything', name: '*', reason: 'No reason was given.' });
    await published('the stop is published', (keys) => keys.includes('stop/everything/*'));
    expect((await lift({ kind: 'everything' })).status).toBe(204);
  });

  it('is one however often, by however many and in whatever case it is ordered, and the first reason stays', async () => {
    const answers = await Promise.all(['Ada', 'ADA', 'ada', 'Ada'].map((name, index) => stop({ kind: 'person', name, reason: `reason ${index}` })));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.name} ${body.reason}`)).size).toBe(1);
    expect(await stops()).toHaveLength(1);
    await published('the stop is published', (keys) => keys.includes('stop/person/ada'));
    await lift({ kind: 'person', name: 'aDa' });
    expect((await told('ada', 2)).map(({ type }) => type)).toEqual(['policy.stop.ordered', 'policy.stop.lifted']);
  });

  it('that is not in force cannot be lifted, and the answer says what was looked for', async () => {
    const { status, body } = await lift({ kind: 'tool', name: 'bank/pay' });
    expect([status, body.code, body.detail]).toEqual([404, 'not-found', 'tool "bank/pay" is not stopped: look at the list of stops for the name']);
  });

  it('ordered and lifted many times at once leaves the topic as the list is', async () => {
    for (let turn = 0; turn < 5; turn += 1) await Promise.all([stop({ kind: 'server', name: 'bank' }), lift({ kind: 'server', name: 'bank' })]);
    const last = await stop({ kind: 'server', name: 'bank' });
    expect(last.status).toBe(201);
    await eventually('the topic says so', async () => (await installation.published()).get('stop/server/bank')?.data.since === last.body.since);
    await lift({ kind: 'server', name: 'bank' });
  });

  it('is listed newest first, in pages', async () => {
    const names = ['a', 'b', 'c'].map((name) => `x/${name}`);
    for (const name of names) await stop({ kind: 'tool', name });
    const first = (await installation.ask('GET', '/v1/policy/stops?limit=2')).body;
    const rest = (await installation.ask('GET', `/v1/policy/stops?limit=2&cursor=${first.next}`)).body;
    expect([...first.items, ...rest.items].map((one: PolicyStop) => one.name)).toEqual(names.toReversed());
    expect(rest.next).toBeNull();
    for (const name of names) await lift({ kind: 'tool', name });
    expect((await installation.ask('GET', '/v1/policy/stops?cursor=x')).status).toBe(400);
  });

  it.each([
    ['no kind', {}, '/body/kind'],
    ['an unknown kind', { kind: 'planet', name: 'x' }, '/body/kind'],
    ['an agent without a name', { kind: 'agent' }, '/body/name'],
    ['an agent of spaces', { kind: 'agent', name: '  ' }, '/body/name'],
    ['a tool without its server', { kind: 'tool', name: 'pay' }, '/body/name'],
    ['everything with a name', { kind: 'everything', name: 'but me' }, '/body/name'],
    ['control characters', { kind: 'agent', name: 'a\u0000' }, '/body/name'],
    ['an endless name', { kind: 'agent', name: 'a'.repeat(601) }, '/body/name'],
    ['an empty reason', { kind: 'agent', name: 'a', reason: '' }, '/body/reason'],
    ['an unknown member', { kind: 'agent', name: 'a', until: 'tomorrow' }, '/body'],
  ])('is refused for %s', async (_, body, pointer) => {
    const { status, body: problem } = await stop(body);
    expect([status, problem.code, problem.problems[0].pointer]).toEqual([400, 'invalid-request', pointer]);
    expect(await stops()).toEqual([]);
  });

  it('may have the longest name that is allowed, whatever it is written in', async () => {
    const name = `x/${'\u{1F6D1}'.repeat(299)}`;
    expect((await stop({ kind: 'tool', name })).status).toBe(201);
    expect((await lift({ kind: 'tool', name })).status).toBe(204);
  });

  it('is a matter of operators; auditors may look', async () => {
    const auditor = await installation.key('audrey', ['auditor']);
    const agent = await installation.key('ada', ['agent']);
    expect((await installation.ask('GET', '/v1/policy/stops', undefined, auditor)).status).toBe(200);
    for (const key of [auditor, agent]) {
      expect((await stop({ kind: 'everything' }, key)).status).toBe(403);
      expect((await lift({ kind: 'everything' }, key)).status).toBe(403);
    }
  });

  it('is counted by a metric, and said in the log of the service', async () => {
    await stop({ kind: 'agent', name: 'claude' });
    const metrics = await fetch(`${installation.service.apiUrl}/metrics`, { headers: { authorization: `Bearer ${installation.operator}` } });
    expect(await metrics.text()).toMatch(/^customhouse_policy_stops(?:\{[^}]*\})? 1$/m);
    expect(installation.logged).toContainEqual(expect.objectContaining({ msg: 'a stop was ordered', kind: 'agent', name: 'claude', by: 'olga' }));
  });

  it('is published again when the log has lost it, and what the log has too much is removed', async () => {
    await stop({ kind: 'agent', name: 'claude' });
    await published('the stop is published', (keys) => keys.includes('stop/agent/claude'));
    await installation.service.close();
    await installation.loseLog();
    await installation.startService();
    await published('the stop is published again', (keys) => keys.join() === 'stop/agent/claude');

    await installation.service.close();
    await installation.sql('delete from stops');
    await installation.startService();
    await published('what is not in force is gone', (keys) => keys.length === 0);
  });
});
