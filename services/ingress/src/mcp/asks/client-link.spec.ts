import { describe, expect, it } from '@jest/globals';
import type { Rule } from '@customhouse/policy-contract/rules';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { detectorInspector } from '../../inspector.js';
import { credential } from '../../../test/support/upstream.js';
import { passable, profileFor } from './client-link.js';
import type { Parts } from '../parts.js';

function inForce(digest: string, rules: Partial<Rule>[]): Pick<Parts, 'policy'> {
  const made = rules.map((rule, index) => ({ id: `r${index}`, effect: 'allow', reason: 'x', tools: ['*/*'], ...rule }));
  return { policy: () => ({ version: { digest, rules: { version: 1, rules: made } } }) as ReturnType<Parts['policy']> };
}

describe('how a client is presented to a server', () => {
  const declared: JsonObject = { sampling: {}, roots: {}, tasks: {} };

  it('is without what no rule could allow that server', () => {
    const parts = inForce('P1', [{ methods: ['roots/list'] }, { methods: ['sampling/createMessage'], tools: ['trusted/*'] }]);
    expect(profileFor(declared, 'files', parts).capabilities).toEqual({ roots: {} });
    expect(profileFor(declared, 'trusted', parts).capabilities).toEqual({ sampling: {}, roots: {} });
  });

  it('changes with the policy', () => {
    const before = inForce('P2', [{ methods: ['roots/list'] }]);
    const after = inForce('P3', [{ methods: ['sampling/createMessage'] }]);
    expect(profileFor(declared, 'files', after).capabilities).toEqual({ sampling: {} });
    expect(profileFor(declared, 'files', before).capabilities).toEqual({ roots: {} });
  });

  it('is the same for all that cannot be asked anything, whatever the policy says', () => {
    const parts = { policy: () => Promise.reject(new Error('not asked')) } as never;
    expect(profileFor({ experimental: {} }, 'files', parts)).toBe(profileFor({}, 'mail', parts));
  });
});

describe('what a server says outside of results', () => {
  const inspector = detectorInspector();

  it('passes whole where the detectors find nothing', () => {
    const params = { level: 'info', data: { deep: [1, 'x'] }, future: true };
    expect(passable(params, inspector)).toEqual(params);
    expect(passable(undefined, inspector)).toBeUndefined();
    expect(passable('text', inspector)).toBeUndefined();
  });

  it('loses its credentials, and of progress all words', () => {
    const logged = JSON.stringify(passable({ level: 'info', data: `the token is ${credential}` }, inspector));
    expect(logged).toContain('the token is');
    expect(logged).not.toContain(credential);
    expect(passable({ progressToken: 1, progress: 0.5, message: `the token is ${credential}` }, inspector)).toEqual({ progressToken: 1, progress: 0.5 });
  });
});
