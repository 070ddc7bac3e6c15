import { describe, expect, it } from '@jest/globals';
import type { Decision } from '@customhouse/policy-contract/decision';
import { errorCodes } from '@customhouse/mcp-wire/errors';
import type { Outcome } from '../outcome.js';
import { capped } from './result-cap.js';

const decision = (max_result_bytes?: number): Decision => ({
  effect: 'allow',
  rules: [{ id: 'r', effect: 'allow', reason: 'x' }],
  obligations: { max_result_bytes },
  policy: { number: 1, digest: 'P' },
});
const about = (max_result_bytes?: number, method: 'tools/call' | 'resources/read' = 'tools/call') => ({ id: 'C', method, decision: decision(max_result_bytes) });
const finding = { rule: 'f', severity: 'low', location: 'x', message: 'y' } as const;
/** 20 bytes of JSON. */
const result: Outcome = { kind: 'completed', result: { name: 'Zürich' }, text: '{"name":"Zürich 1"}', findings: [finding] };

describe('a result that the policy limits in size', () => {
  it.each([undefined, 20, 1_000])('passes with %s bytes allowed, when it has 20', (most) => {
    expect(capped(result, about(most))).toBe(result);
  });

  it('is replaced by words about its size when it is one byte larger, and keeps its findings', () => {
    const outcome = capped(result, about(19));
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { isError: true, content: [{ type: 'text', text: expect.stringMatching(/^The answer has 20 bytes, .* at most 19 pass/) }] },
      findings: [finding],
    });
    expect(JSON.stringify(outcome)).not.toContain('Zürich');
    expect(JSON.parse((outcome as { text: string }).text)).toEqual((outcome as { result: unknown }).result);
  });

  it('is an error of the gateway for methods whose results are not read by a model', () => {
    expect(capped(result, about(19, 'resources/read'))).toMatchObject({
      kind: 'error',
      reason: 'result-too-large',
      error: { code: errorCodes.refused, message: expect.stringContaining('19') },
    });
  });

  it('limits errors of the server as well', () => {
    const error: Outcome = { kind: 'error', error: { code: 1, message: 'x'.repeat(100) }, text: 'x'.repeat(120), findings: [] };
    expect(JSON.stringify(capped(error, about(100)))).not.toContain('xxx');
  });

  it.each<Outcome>([
    { kind: 'aborted', reason: 'cancelled' },
    { kind: 'lost', reason: 'timeout', message: 'a message that is longer than the limit' },
    { kind: 'unsent', rule: 'upstream-unavailable', reason: 'x', message: 'a message that is longer than the limit' },
  ])('does not concern %j', (outcome) => {
    expect(capped(outcome, about(1))).toBe(outcome);
  });
});
