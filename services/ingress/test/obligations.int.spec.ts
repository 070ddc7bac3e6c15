import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

type Rule = RuleSet['rules'][number];

let gateway: Gateway;
let upstream: MischievousServer;
let client: RawClient;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start();
  await gateway.addServer('reading', upstream.transport, ['read-only']);
  await gateway.addServer('writing', upstream.transport);
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
}, 30_000);
beforeEach(async () => {
  client = await connected('ada@example.com');
  upstream.calls.length = 0;
});

async function connected(person: string): Promise<RawClient> {
  const made = new RawClient(gateway.url, { authorization: `Bearer ${await gateway.issueKey({ person })}` });
  await made.initialize();
  return made;
}

const allow = (changes: Partial<Rule>): Promise<void> => gateway.activate([{ id: 'allow', effect: 'allow', reason: 'a test', tools: ['*/*'], ...changes }]);
const textOf = (answer: JsonObject): string => (answer['result'] as { content: { text: string }[] }).content[0]!.text;
const last = async (type: string): Promise<StoredEvent<any>> => (await gateway.events()).findLast((event) => event.type === type)!;

describe('what a rule asks to be done about a result', () => {
  it('redact: the fields are neither passed on nor kept, sealed or not', async () => {
    await allow({ redact: ['iban', '/rows/0/salary'] });
    const answer = await client.call('writing__echo', { message: JSON.stringify({ iban: 'DE-SECRET', rows: [{ salary: 4711, name: 'Ada' }] }) });
    expect(JSON.parse(textOf(answer))).toEqual({ rows: [{ name: 'Ada' }] });
    const { result } = (await last('call.completed')).data;
    expect(await gateway.sealer.open(result)).not.toMatch(/SECRET|4711/);
    expect((await last('call.admitted')).data.decision.obligations).toEqual({ redact: ['/rows/0/salary', 'iban'] });
  });

  it('redact: what cannot be looked through is withheld', async () => {
    await allow({ redact: ['iban'] });
    expect(textOf(await client.call('writing__echo', { message: 'The IBAN is DE-SECRET.' }))).toMatch(/^Withheld: /);
  });

  it('max_result_bytes: a larger result is not passed on, and the agent reads why', async () => {
    await allow({ max_result_bytes: 10_000 });
    expect(textOf(await client.call('writing__echo', { message: 'small' }))).toBe('small');
    const answer = await client.call('writing__huge');
    expect(answer).toMatchObject({ result: { isError: true } });
    expect(textOf(answer)).toMatch(/^The answer has 3\d{5} bytes, and the policy lets at most 10000 pass\./);
    expect((await last('call.completed')).data).toMatchObject({ error: true });
  });

  it('cache_s: the server is asked once, and each call is decided and recorded', async () => {
    await allow({ cache_s: 3_600 });
    const first = await client.call('reading__echo', { message: 'a' });
    const { call } = (first['result'] as { _meta: { 'customhouse/receipt': { call: string } } })._meta['customhouse/receipt'];
    const again = await client.call('reading__echo', { message: 'a' });
    expect(again).toMatchObject({ result: { content: [{ text: 'a' }], _meta: { 'customhouse/cached': call } } });
    expect(upstream.callsOf('echo')).toHaveLength(1);
    const { data } = await last('call.completed');
    expect(data).toMatchObject({ cached: call, error: false });
    expect(data.call).not.toBe(call);
    expect((await last('call.admitted')).data.call).toBe(data.call);
    expect(textOf(await client.call('reading__echo', { message: 'b' }))).toBe('b');
    expect(upstream.callsOf('echo')).toHaveLength(2);
  });

  it('cache_s: is of no account for a tool that may do more than read, for somebody else, and when the policy says it no more', async () => {
    await allow({ cache_s: 3_600 });
    for (let turn = 0; turn < 2; turn += 1) await client.call('writing__echo', { message: 'w' });
    expect(upstream.callsOf('echo')).toHaveLength(2);
    await client.call('reading__echo', { message: 'r' });
    await (await connected('eve@example.com')).call('reading__echo', { message: 'r' });
    expect(upstream.callsOf('echo')).toHaveLength(4);
    await allow({});
    await client.call('reading__echo', { message: 'r' });
    expect(upstream.callsOf('echo')).toHaveLength(5);
  });

  it('cache_s and redact: what is given again lacks the same', async () => {
    await allow({ cache_s: 3_600, redact: ['iban'] });
    const args = { message: '{"iban":"DE-SECRET","name":"Ada"}' };
    for (let turn = 0; turn < 2; turn += 1) expect(textOf(await client.call('reading__echo', args))).toBe('{"name":"Ada"}');
    expect(upstream.callsOf('echo')).toHaveLength(1);
  });
});
