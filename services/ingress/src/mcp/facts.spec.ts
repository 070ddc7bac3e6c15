import { describe, expect, it } from '@jest/globals';
import { annotationsOf } from '@customhouse/policy-engine/annotations';
import type { Needs, Policy } from '@customhouse/policy-engine/policy';
import { call, echoTool, session } from '../../test/support/fakes.js';
import { detectorInspector } from '../inspector.js';
import { inputOf, type Facts } from './facts.js';

// Put together, so that no scanner takes the source for a leak.
const secret = ['AKIA', 'Z7QWERTY2UIOP5AS'].join('');
const inspector = detectorInspector();
const facts = (policyMeta: string[] = []) => ({ inspector, settings: { policyMeta } }) as unknown as Facts;
const asking = (needs: Partial<Needs> = {}) =>
  ({ argumentsNeeded: () => [], needs: () => ({ destinations: false, session_state: false, limits: [], ...needs }) }) as unknown as Policy;

function input(asked: Parameters<typeof call>[0] extends infer C | undefined ? C : never, needs: Partial<Needs> = {}, meta: string[] = []) {
  const made = call(asked);
  made.findings = inspector.inspectArguments(made.asked.arguments);
  return inputOf(made, asking(needs), facts(meta));
}

describe('what a policy is told of a call', () => {
  it('is who calls, from where, how, and what is served under that name', () => {
    const annotations = annotationsOf({ readOnlyHint: true });
    expect(input({ tool: { ...echoTool, annotations } })).toMatchObject({
      principal: { agent: 'robot', owner: null, person: 'ada@example.com', groups: ['staff'], attributes: {}, delegation: [], credential: 'key' },
      network: { address: '127.0.0.1', forwarded: [] },
      version: 'D1',
      labels: ['read-only'],
      annotations,
      request: { protocol: '2025-11-25', era: 'legacy', meta: {} },
    });
    expect(input({ session: { ...session, protocol: '2026-07-28' } }).request.era).toBe('modern');
  });

  it('has destinations only where a rule looks at them', () => {
    const asked = { asked: { arguments: { url: 'https://api.example.com/' } } };
    expect(input(asked).destinations).toEqual([]);
    expect(input(asked, { destinations: true }).destinations).toEqual([{ kind: 'url', host: 'api.example.com', argument: '/url' }]);
  });

  it('has no credential, because it is recorded in clear: a host with one in it cannot be read', () => {
    const asked = { asked: { arguments: { url: `https://${secret}.evil.example/`, clean: 'https://other.example' } } };
    const { destinations } = input(asked, { destinations: true });
    expect(JSON.stringify(destinations).toLowerCase()).not.toContain(secret.toLowerCase());
    expect(destinations).toEqual([
      { kind: 'url', host: null, argument: '/url' },
      { kind: 'url', host: 'other.example', argument: '/clean' },
    ]);
    const named = input({ asked: { arguments: { [secret]: 'https://other.example' } } }, { destinations: true }).destinations;
    expect(JSON.stringify(named)).not.toContain(secret);
  });

  it('has those members of _meta that the policy may see, while they are short, plain and no credential', () => {
    const sent = { ticket: 'T-1', count: 2, urgent: true, long: 'x'.repeat(201), list: [1], secret, other: 'no' };
    const asked = { asked: { extra: { _meta: sent } } };
    expect(input(asked).request.meta).toEqual({});
    expect(input(asked, {}, ['ticket', 'count', 'urgent', 'long', 'list', 'secret', 'absent', 'toString']).request.meta).toEqual({ ticket: 'T-1', count: 2, urgent: true });
  });
});
