import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { callAdmitted } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import { unixMilliseconds } from '@customhouse/kernel/time';
import { withoutImpossibleHold } from '@customhouse/policy-contract/hold-not-possible';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import { RuleSet } from '@customhouse/policy-contract/rules';
import { builtInModule } from '@customhouse/policies/built-in';
import { makeVersion } from '@customhouse/policies/version';
import { compilePolicy, type InstantPolicy } from '@customhouse/policy-engine/policy';
import { recordedInput } from '@customhouse/policy-engine/recorded-input';
import { Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { MischievousServer } from './support/upstream.js';

const rounds = 6;
const callsOfARound = 20;
const names = ['reading__echo', 'writing__echo', 'writing__nothing-of-the-kind'];

const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const text = fc.constantFrom('/secret/plans', '/home/ann', 'https://api.example.com/x', 'mail ann@evil.test', 'plain');

/** Rules that look at whatever rules can look at. */
const someRules = fc
  .array(
    fc.record(
      {
        effect: fc.constantFrom('allow' as const, 'allow' as const, 'refuse' as const, 'hold' as const),
        tools: fc.constantFrom(['*/*'], ['reading/*'], ['writing/echo']),
        who: some(
          fc.constantFrom({ people: ['ada@*'] }, { groups: ['finance'] }, { networks: ['127.0.0.0/8'] }, { clients: ['raw'] }, { delegated: false }, { owners: ['nobody'] }),
        ),
        labels: some(fc.constant(['read-only'])),
        when: some(fc.constantFrom([{ argument: '/message', is: 'like' as const, value: '/secret/*' }], [{ argument: '/count', is: 'greater' as const, value: 1 }])),
        hosts: some(fc.constantFrom('*.example.com', 'api.example.com')),
        session_labels: some(fc.constant(['read-only'])),
        limit: some(fc.constantFrom({ calls: 2, window_s: 3_600, per: 'person' as const }, { calls: 3, window_s: 3_600, per: 'everybody' as const })),
        hours: some(fc.constantFrom({ time_zone: 'Europe/Zurich', days: ['mon', 'sun'], from: '00:00', to: '23:59' })),
      },
      { requiredKeys: ['effect', 'tools'] },
    ),
    { minLength: 2, maxLength: 6 },
  )
  .map((bodies) =>
    bodies.map(({ hosts, limit, ...body }, number) => {
      const allows = body.effect === 'allow';
      const rule = {
        id: `rule-${number}`,
        reason: `Reason ${number}.`,
        ...body,
        limit: allows ? limit : undefined,
        destinations: hosts && (allows ? { allow: [hosts] } : { other_than: [hosts] }),
      };
      return JSON.parse(JSON.stringify(rule)) as object;
    }),
  )
  .map((rules) => RuleSet.parse({ version: 1, rules }).rules);

const someArguments = fc.record({ message: text, count: fc.nat(3) }, { requiredKeys: [] });

let gateway: Gateway;
let upstream: MischievousServer;

beforeAll(async () => {
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({ environment: { CUSTOMHOUSE_INGRESS_HOLD_MS: '50' } });
  await gateway.addServer('reading', upstream.transport, ['read-only']);
  await gateway.addServer('writing', upstream.transport);
}, 120_000);
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
}, 60_000);

it('every recorded decision is made again the same from what its event holds', async () => {
  const seed = Date.now() % 1_000_000_000;
  const clients = await Promise.all(
    [
      { person: 'ada@example.com', groups: ['finance'] },
      { person: 'bob@example.com', groups: [] },
    ].map(async (caller) => {
      const client = new RawClient(gateway.url, { authorization: `Bearer ${await gateway.issueKey(caller)}` });
      await client.initialize();
      return client;
    }),
  );
  const policies = new Map<string, InstantPolicy>();
  for (const [round, rules] of fc.sample(someRules, { seed, numRuns: rounds }).entries()) {
    await gateway.activate(rules);
    const version = makeVersion({ number: round + 2, module: builtInModule().digest, rules: { version: 1, rules }, note: '' });
    expect(version.digest).toBe(gateway.ingress.policyDigest);
    policies.set(version.digest, await compilePolicy(version, builtInModule().wasm, { remembered_decisions: 0 }));
    const calls = fc.sample(fc.tuple(fc.constantFrom(...clients), fc.constantFrom(...names), someArguments), { seed: seed + round, numRuns: callsOfARound });
    await Promise.all(calls.map(([client, name, args]) => client.call(name, args)));
  }

  const again = (await gateway.events()).filter(({ type }) => ['call.admitted', 'call.refused', 'call.held'].includes(type));
  let asked = 0;
  for (const event of again) {
    const data = event.data as EventData<typeof callAdmitted>;
    const policy = policies.get(data.decision.policy.digest);
    // Nothing of the kind was served: no policy was asked.
    if (policy === undefined || data.labels === null) continue;
    asked += 1;
    const method = data.method as GovernedMethod;
    const opened = JSON.parse(await gateway.sealer.open(data.arguments)) as unknown;
    const input = recordedInput({ time: unixMilliseconds(event.envelope.time), data }, opened, policy.argumentsNeeded(data.server, data.tool, method));
    const decision = JSON.parse(JSON.stringify(withoutImpossibleHold(policy.decide(input), method))) as unknown;
    expect({ seed, call: data.call, ...(decision as object) }).toEqual({ seed, call: data.call, ...data.decision });
  }
  // Equal calls that are held are one call, and a third asks for what is not there.
  expect(asked).toBeGreaterThan(rounds * 2);
}, 240_000);
