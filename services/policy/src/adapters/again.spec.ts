import { describe, expect, it } from '@jest/globals';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { Policy } from '@customhouse/policy-engine/policy';
import { decideAgain, type Past } from './again.js';

const decisionBy = (digest: string, id: string, effect: 'allow' | 'refuse'): Decision => ({
  effect,
  rules: [{ id, effect, reason: 'A test.' }],
  obligations: {},
  policy: { number: 1, digest },
});

/** A version that allows whatever it is asked about. */
function policy(digest: string): Policy {
  const needs = { destinations: false, session_state: false, limits: [] };
  const decide = () => Promise.resolve(decisionBy(digest, 'all', 'allow'));
  return { instant: false, version: { number: 1, digest }, argumentsNeeded: () => [], needs: () => needs, decide } as unknown as Policy;
}

function past(id: string): Past {
  const principal = { tenant: 'default', agent: 'claude', person: 'ann', groups: [], credential: { kind: 'key', id: 'k' } };
  return {
    call: '01KAAAAAAAAAAAAAAAAAAAAAAA',
    time: 0,
    tenant: 'default',
    caller: { principal, client: null },
    target: { method: 'tools/call', server: 'files', tool: 'read', definition: null, labels: [] },
    decision: decisionBy('d', id, 'refuse'),
    rest: { network: { address: '127.0.0.1' }, session: 's', findings: [] },
  };
}

describe('a decision for which there was no more time', () => {
  it.each(['policy-timeout', 'policy-busy'])('by %s stands when the version that made it is asked again, because the time is not in the record', async (id) => {
    expect(await decideAgain(past(id), policy('d'))).toEqual({ outcome: 'decided', decision: decisionBy('d', id, 'refuse'), input: null });
  });

  it.each(['policy-timeout', 'policy-busy'])('by %s is made anew by another version', async (id) => {
    expect(await decideAgain(past(id), policy('e'))).toMatchObject({ outcome: 'decided', decision: { effect: 'allow', rules: [{ id: 'all' }] } });
  });

  it('is no other refusal: that is made anew by the same version as well', async () => {
    expect(await decideAgain(past('policy-error'), policy('d'))).toMatchObject({ outcome: 'decided', decision: { effect: 'allow' } });
  });
});
