import { canonicalise } from '@customhouse/kernel/canonical';
import type { Finding } from '@customhouse/events/finding/finding';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { JsonRpcError } from '@customhouse/upstream/upstream';
import type { Outcome } from './outcome.js';
import type { Dispatched } from './dispatch.js';
import { redact, redactError } from './answers/redact.js';

/** What looks into texts: libs/detectors. */
export interface Inspector {
  inspectArguments(value: JsonObject): readonly Finding[];
  /** Findings, and the value as it may be passed on: the same object where nothing had to be taken out. */
  inspectResult<Value extends JsonObject>(value: Value): { readonly value: Value; readonly findings: readonly Finding[] };
}

/**
 * What a server answered, after the detectors have seen it: credentials are not in it any more. An answer that cannot be recorded
 * (numbers beyond what JavaScript holds, nesting without end) is not passed on either, though the call took place.
 *
 * `targets`: what the policy wants taken out first (redact.ts).
 */
export function inspect(dispatched: Dispatched, inspector: Inspector, targets: readonly string[] = []): Outcome {
  if ('kind' in dispatched) return dispatched as Outcome;
  try {
    if ('result' in dispatched) {
      const { value, findings } = inspector.inspectResult(targets.length === 0 ? dispatched.result : redact(dispatched.result, targets));
      return { kind: 'completed', result: value, text: canonicalise(value), findings };
    }
    const { value, findings } = inspector.inspectResult<JsonRpcError>(targets.length === 0 ? dispatched.error : redactError(dispatched.error, targets));
    return { kind: 'error', error: value, text: canonicalise(value), findings };
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    return { kind: 'lost', reason: 'unrecordable-answer', message: `the server answered, but with something that cannot be recorded: ${error.message}` };
  }
}
