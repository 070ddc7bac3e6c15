import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { recordedInput } from '@customhouse/policy-engine/recorded-input';
import { intentOf, isOfGateway, recordedCall, type IntentData } from './recorded-call.js';

const corpus = new URL('../../../../contracts/events/fixtures/', import.meta.url);
const fixtures = ['call.admitted', 'call.refused', 'call.held'].flatMap((type) =>
  readdirSync(new URL(`${type}/v1/`, corpus)).map((name) => {
    const event = JSON.parse(readFileSync(new URL(`${type}/v1/${name}`, corpus), 'utf8')) as { data: IntentData };
    return { name: `${type} ${name}`, data: event.data };
  }),
);
const decision = (id: string) => ({ effect: 'refuse' as const, rules: [{ id, effect: 'refuse' as const, reason: 'No.' }], obligations: {}, policy: { number: 1, digest: 'd' } });

describe('a recorded call', () => {
  it.each(fixtures)('$name: has in its parts all that the event says of the input', ({ data }) => {
    const call = JSON.parse(JSON.stringify(recordedCall(data, 1_000))) as ReturnType<typeof recordedCall>;
    expect(recordedInput({ time: call.time, data: intentOf(call) }, undefined, [])).toEqual(recordedInput({ time: 1_000, data }, undefined, []));
    expect(call).toMatchObject({ call: data.call, tenant: data.principal.tenant, decision: data.decision, arguments: data.arguments });
  });

  it('keeps nothing sealed outside of its arguments, so that what does not look at them need not read them', () => {
    for (const { data } of fixtures) {
      const { arguments: _sealed, ...rest } = recordedCall(data, 0);
      expect(JSON.stringify(rest)).not.toContain(data.arguments.data);
    }
  });

  it('has the same caller and target for the same caller and target, whatever else differs', () => {
    const [{ data }] = fixtures as [(typeof fixtures)[number]];
    const [one, other] = [recordedCall(data, 0), recordedCall({ ...data, session: 'another', call: '01KAAAAAAAAAAAAAAAAAAAAAAA', findings: [] }, 5)];
    expect([other.caller, other.target]).toEqual([one.caller, one.target]);
    expect(other.rest).not.toEqual(one.rest);
  });
});

describe('a decision of the gateway itself', () => {
  it.each([
    ['unknown-tool', null, true],
    ['stopped', ['read-only'], true],
    ['default-deny', [], false],
    ['hold-not-possible', [], false],
    ['policy-error', ['read-only'], false],
  ] as const)('by %s with the labels %j: %s', (id, labels, expected) => {
    expect(isOfGateway(decision(id), labels)).toBe(expected);
  });
});
