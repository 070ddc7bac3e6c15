import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { builtInProgram } from '@customhouse/policies/built-in';
import { RegoCompiler } from '@customhouse/rego/rego-compiler';
import { allowEverything, eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

const limit_ms = 2_000;
/** Hours for a long text, and no memory. */
const rego = `package customhouse.custom
arguments := {"/message"}
fired contains {"id": "no-secrets", "effect": "refuse", "reason": "That is secret."} if input.arguments["/message"] == "secret"
fired contains {"id": "looked", "effect": "allow", "reason": "Looked."} if {
	parts := split(input.arguments["/message"], "")
	some a in parts
	some b in parts
	some c in parts
	a == b
	c == "!"
}
default visible := true
visible := false if input.tool == "hang"
`;
const endless = 'word'.repeat(2_500);

const compiler = new RegoCompiler();
let upstream: MischievousServer;
let gateway: Gateway;
let ada: RawClient;
let bob: RawClient;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({
    development: false,
    environment: { CUSTOMHOUSE_INGRESS_REGO_TIMEOUT_MS: String(limit_ms), CUSTOMHOUSE_INGRESS_REGO_WAIT_MS: '60000' },
  });
  await gateway.addServer('mischief', upstream.transport);
  const { modules, entrypoints } = builtInProgram();
  const wasm = await compiler.compile({ ...modules, 'custom/own.rego': rego }, entrypoints);
  await gateway.activate(allowEverything, { wasm, modules: { 'own.rego': rego } });
  [ada, bob] = [await gateway.clientOf('ada@example.com'), await gateway.clientOf('bob@example.com')];
}, 120_000);

afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
  await compiler.close();
}, 30_000);

const echo = (client: RawClient, message: string): Promise<JsonObject> => client.call('mischief__echo', { message });
const rulesOf = (answer: JsonObject): unknown => ((answer['result'] as JsonObject)['_meta'] as Record<string, JsonObject>)['customhouse/decision']?.['rules'];
const counted = async (rule: string): Promise<number> =>
  (await gateway.registry.getSingleMetric('customhouse_ingress_undecided_total')!.get()).values.find(({ labels }) => labels['rule'] === rule)?.value ?? 0;

describe('Rego that a version of the policy brings', () => {
  it('decides, and what it was decided on is recorded', async () => {
    expect(await echo(ada, 'hello')).toMatchObject({ result: { content: [{ text: 'hello' }] } });
    expect(rulesOf(await echo(ada, 'secret'))).toEqual(['no-secrets', 'allow-everything']);
    const refused = (await gateway.events()).findLast(({ type }) => type === 'call.refused');
    expect(refused!.data).toMatchObject({
      reason: 'no-secrets',
      decision: { effect: 'refuse', policy: { number: 2 } },
      session_state: { counters: { calls: 1, refused: 0, held: 0 } },
    });
  });

  it('that takes too long refuses the call by policy-timeout, nothing is sent, and the calls of others go on meanwhile', async () => {
    const before = upstream.callsOf('echo').length;
    const answers: string[] = [];
    const slow = echo(ada, endless).then((answer) => {
      answers.push('slow');
      return answer;
    });
    for (let call = 0; call < 3; call += 1) {
      expect(await echo(bob, `quick ${call}`)).toMatchObject({ result: { content: [{ text: `quick ${call}` }] } });
      answers.push('quick');
    }
    const answer = await slow;
    expect(answer).toMatchObject({ result: { isError: true } });
    expect(rulesOf(answer)).toEqual(['policy-timeout']);
    expect(JSON.stringify(answer)).toContain(`took longer than ${limit_ms} ms`);
    expect(answers).toContain('slow');
    expect(upstream.callsOf('echo').length).toBe(before + 3);
    const refused = (await gateway.events()).findLast(({ type }) => type === 'call.refused');
    expect(refused!.data).toMatchObject({ reason: 'policy-timeout', decision: { effect: 'refuse', obligations: {} } });
    expect(await counted('policy-timeout')).toBe(1);
    expect(await echo(ada, 'again')).toMatchObject({ result: { content: [{ text: 'again' }] } });
  }, 60_000);

  it('knows of each call of a session what came of those before, however many come at once', async () => {
    const client = new RawClient(gateway.url, ada.headers);
    await client.initialize();
    await Promise.all(Array.from({ length: 12 }, (_, index) => echo(client, `many ${index}`)));
    const admitted = (await gateway.events()).filter(({ type }) => type === 'call.admitted').slice(-12);
    const seen = admitted.map(({ data }) => (data as { session_state: { counters: { calls: number } } }).session_state.counters.calls);
    expect(seen.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 12 }, (_, index) => index));
  }, 60_000);

  it('says what lists show', async () => {
    await eventually(async () => {
      const { tools } = (await ada.request('tools/list'))['result'] as { tools: { name: string }[] };
      const names = tools.map(({ name }) => name);
      expect([names.includes('mischief__echo'), names.includes('mischief__hang')]).toEqual([true, false]);
    });
  });
});
