import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, Installation } from './installation.js';
import { RecordedCalls } from './recorded-calls.js';

jest.setTimeout(600_000);

const patience_ms = 300_000;
const rules = (argument: string) => ({
  version: 1,
  rules: [
    { id: 'readers', effect: 'allow', reason: 'It reads.', tools: ['*/*'] },
    { id: 'not-secret', effect: 'refuse', reason: 'Secrets stay.', tools: ['*/*'], when: [{ argument, is: 'like', value: '/secret/*' }] },
  ],
});

describe('a simulation of very many calls', () => {
  let installation: Installation;
  let calls: RecordedCalls;
  let version: number;

  const simulation = async (id: string) => (await installation.ask('GET', `/v1/policy/simulations/${id}`)).body;
  const begin = async (): Promise<string> => {
    const { status, body } = await installation.ask('POST', '/v1/policy/simulations', { version });
    expect([status, body.state]).toEqual([202, 'running']);
    await eventually('it gets on', async () => (await simulation(body.id)).done > 0, patience_ms);
    return body.id;
  };

  beforeAll(async () => {
    installation = await Installation.start();
    calls = await RecordedCalls.on(installation);
    version = await installation.draft(rules('/path'));
    await installation.activate(version);
    await calls.record(await calls.policy(version), [{ arguments: { path: '/a' } }]);
    await eventually('the history has the call', async () => (await installation.sql('select 1 from history')).length === 1, patience_ms);
    // As if half a million of them had been made: more than can be decided while anything else here is done.
    await installation.sql(`
      insert into history (time, number, call, tenant, caller, target, decision, rest, arguments)
      select time - n, number, '01K' || lpad(n::text, 23, '0'), tenant, caller, target, decision, rest, arguments from history, generate_series(1, 500000) as n`);
  }, 600_000);
  afterAll(async () => {
    await calls?.close();
    await installation?.stop();
  }, 60_000);

  it('lets whoever asks the service for anything else have an answer meanwhile', async () => {
    const id = await begin();
    const other = await installation.draft(rules('/other'));
    expect((await installation.activate(other)).status).toBe(200);
    expect(await installation.activeNumber()).toBe(other);
    for (const path of ['/health/live', '/health/ready', '/v1/policy/versions']) expect([path, (await installation.ask('GET', path)).status]).toEqual([path, 200]);
    const [call] = await calls.record(await calls.policy(other), [{ tool: 'list' }]);
    await eventually('the history goes on', async () => (await installation.sql('select 1 from history where call = $1', [call])).length === 1, patience_ms);
    const { state, done, total } = await simulation(id);
    expect([state, done < total]).toEqual(['running', true]);
    expect((await installation.ask('POST', `/v1/policy/simulations/${id}/cancel`)).body.state).toBe('cancelled');
  });

  it('ends when it is cancelled, keeps no report, and makes room for another one', async () => {
    const id = await begin();
    const { status, body } = await installation.ask('POST', `/v1/policy/simulations/${id}/cancel`);
    expect([status, body.state, body.report, body.done < body.total]).toEqual([200, 'cancelled', null, true]);
    const { done } = await simulation(id);
    const next = await begin();
    expect((await simulation(id)).done).toBe(done);
    await installation.ask('POST', `/v1/policy/simulations/${next}/cancel`);
  });

  it('does not keep the service from stopping, and is failed afterwards', async () => {
    const id = await begin();
    await installation.restart();
    expect(await simulation(id)).toMatchObject({ state: 'failed', problem: expect.stringContaining('the process that ran it') });
  });
});
