import { errorObject } from '@customhouse/mcp-wire/messages';
import { canonicalise } from '@customhouse/kernel/canonical';
import type { Call } from '../call.js';
import type { Outcome } from '../outcome.js';

/**
 * What is passed on of an answer that may be larger than the policy lets pass (`max_result_bytes`): an agent reads in its place how large it
 * is. Of a tool that is a result, because a model reads it; the other methods have no place for it there, so theirs is an error.
 */
export function capped(outcome: Outcome, call: Pick<Call, 'id' | 'method' | 'decision'>): Outcome {
  const most = call.decision.obligations.max_result_bytes;
  if (most === undefined || (outcome.kind !== 'completed' && outcome.kind !== 'error')) return outcome;
  const bytes = Buffer.byteLength(outcome.text);
  if (bytes <= most) return outcome;
  const text = `The answer has ${bytes} bytes, and the policy lets at most ${most} pass. The call was made. Ask for less: a filter, a page, fewer fields.`;
  if (call.method === 'tools/call') {
    const result = { content: [{ type: 'text', text }], isError: true };
    return { kind: 'completed', result, text: canonicalise(result), findings: outcome.findings };
  }
  const error = errorObject('refused', text, { call: call.id });
  return { kind: 'error', reason: 'result-too-large', error, text: canonicalise(error), findings: outcome.findings };
}
