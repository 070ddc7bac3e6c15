import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { callAdmitted } from '@customhouse/events/call/events';
import { PolicyInput } from '@customhouse/policy-contract/input';
import type { EventData } from '@customhouse/events/catalogue';
import { someCall, someRules } from '../test/arbitrary.js';
import { versionOf, wasm } from '../test/parts.js';
import { compilePolicy } from './policy.js';
import { recordedInput, type RecordedIntent } from './recorded-input.js';

const fixture = JSON.parse(readFileSync(new URL('../../../contracts/events/fixtures/call.admitted/v1/by-key.json', import.meta.url), 'utf8')) as {
  data: EventData<typeof callAdmitted>;
};
const time = 1_795_356_037_000;

describe('the input of a recorded decision', () => {
  it('is made again from the event and the opened arguments', () => {
    const input = recordedInput({ time, data: fixture.data }, { message: 'hello', other: 1 }, ['/message', '/absent']);
    expect(PolicyInput.parse(input)).toEqual(input);
    expect(input).toMatchObject({ principal: { agent: 'claude', person: 'ann@example.com', credential: 'key' }, time, server: 'everything', tool: 'echo', labels: ['read-only'] });
    expect(input.arguments).toEqual({ '/message': 'hello' });
  });

  it('names each finding once, as the decision saw them', () => {
    const found = (location: string) => ({ rule: 'credential', severity: 'high' as const, location, message: 'A key.' });
    const input = recordedInput({ time, data: { ...fixture.data, findings: [found('arguments/a'), found('arguments/b')] } }, {}, []);
    expect(input.findings).toEqual(['credential']);
  });

  it('does not look at arguments that no rule looks at, so they need not be opened', () => {
    expect(recordedInput({ time, data: fixture.data }, undefined, []).arguments).toEqual({});
  });

  it('for all rules and calls gives the same decision again', async () => {
    await fc.assert(
      fc.asyncProperty(someRules, fc.array(someCall, { minLength: 1, maxLength: 8 }), async (rules, inputs) => {
        const version = versionOf(rules);
        const policy = await compilePolicy(version, wasm);
        const again = await compilePolicy(version, wasm, { remembered_decisions: 0 });
        for (const input of inputs) {
          const pointers = policy.argumentsNeeded(input.server, input.tool, input.method);
          const asked = { ...input, arguments: Object.fromEntries(Object.entries(input.arguments).filter(([pointer]) => pointers.includes(pointer))) };
          const data = JSON.parse(JSON.stringify(recorded(asked))) as RecordedIntent;
          expect(again.decide(recordedInput({ time: input.time, data }, argumentsAt(asked.arguments), pointers))).toEqual(policy.decide(asked));
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** What the event would say, in the form that the catalogue has for it. */
function recorded(input: PolicyInput): RecordedIntent {
  const { client, network, session, session_state, method, server, tool, version, labels, annotations, destinations, request, findings, used } = input;
  const { owner, attributes, delegation, credential, ...principal } = input.principal;
  return {
    principal: {
      ...principal,
      ...(owner !== null && { owner }),
      ...(Object.keys(attributes).length > 0 && { attributes }),
      ...(delegation.length > 0 && { delegation }),
      credential: { kind: credential, id: 'k' },
    },
    client,
    network: { address: network.address, ...(network.forwarded.length > 0 && { forwarded: network.forwarded }) },
    session,
    session_state,
    method,
    server,
    tool,
    definition: version,
    labels,
    annotations: annotations ?? undefined,
    destinations,
    request,
    used,
    findings: findings.map((rule) => ({ rule, severity: 'high', location: 'arguments', message: 'Found.' })),
  };
}

/** Arguments that have these values at these pointers of test/arbitrary.ts. */
function argumentsAt(values: Readonly<Record<string, unknown>>): unknown {
  const { '/path': path, '/count': count, '/deep/0/x': x } = values;
  return { ...('/path' in values && { path }), ...('/count' in values && { count }), ...('/deep/0/x' in values && { deep: [{ x }] }) };
}
