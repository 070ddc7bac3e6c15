import type { EventSink, RecordedEvent } from '@customhouse/event-log/sink';
import type { Decision } from '@customhouse/policy-contract/decision';
import { errorText, relayedErrorText, resultText } from '@customhouse/mcp-wire/messages';
import { isJsonObject, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { Failure } from './failure.js';
import type { Outcome } from './outcome.js';

/** Where the record of an answer is, so that the one who got it can ask the audit for it. */
export interface Receipt extends JsonObject {
  call: string;
  event: string;
  instance: string;
  epoch: string;
  sequence: number;
}

const receiptKey = 'customhouse/receipt';
const decisionKey = 'customhouse/decision';
const findingsKey = 'customhouse/findings';

export function receiptOf(call: string, recorded: RecordedEvent, sink: EventSink): Receipt {
  return { call, event: recorded.id, instance: sink.instance, epoch: recorded.epoch ?? sink.epoch, sequence: recorded.sequence ?? 0 };
}

/** The answer to a call that ended, as text. Undefined when there is nobody left to tell: the client cancelled. */
export function outcomeReply(id: RequestId, call: string, outcome: Outcome, receipt: Receipt | undefined): string | undefined {
  switch (outcome.kind) {
    case 'completed':
      return completedReply(id, outcome, receipt);
    case 'error':
      return relayedErrorText(id, outcome.error);
    case 'unsent':
      return errorText(id, outcome.rule, outcome.message, { call });
    case 'lost':
      return outcome.reason === 'cancelled' ? undefined : errorText(id, 'outcome-unknown', outcome.message, { call });
    case 'aborted':
      return undefined;
  }
}

function completedReply(id: RequestId, outcome: Extract<Outcome, { kind: 'completed' }>, receipt: Receipt | undefined): string {
  const { result, findings } = outcome;
  const meta: JsonObject = {};
  if (receipt !== undefined) meta[receiptKey] = receipt;
  if (findings.length > 0) meta[findingsKey] = findings.map((finding) => ({ ...finding }));
  const own = result['_meta'];
  return resultText(id, JSON.stringify({ ...result, _meta: isJsonObject(own) ? { ...foreignTo(own), ...meta } : meta }));
}

/** What the server says of itself stays; what only the gateway may say does not. */
function foreignTo(meta: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(meta).filter(([key]) => !key.startsWith('customhouse/')));
}

/**
 * A refusal is an ordinary result with `isError`, because that is what the model behind the client gets to read; programs find the
 * decision in `_meta`.
 */
export function refusalReply(id: RequestId, call: string, decision: Decision, receipt: Receipt | undefined): string {
  const reasons = decision.rules.filter((rule) => rule.effect === 'refuse').map((rule) => `${rule.reason} (rule ${rule.id})`);
  return verdictReply(id, `Refused by policy: ${reasons.join('; ')}. Repeating the call will not change that. Call ${call}.`, decisionMeta(call, decision), receipt);
}

/** The caller's time for waiting is over, and nobody has decided yet. */
export function pendingReply(id: RequestId, call: string, decision: Decision, approval: { readonly id: string; readonly expires: string }): string {
  const text = `Approval pending: a person has to approve this call, until ${approval.expires}. It has not been made. Repeat the identical call to go on waiting, or to get its result once it was approved. Approval ${approval.id}.`;
  return verdictReply(id, text, { ...decisionMeta(call, decision), approval: approval.id, expires: approval.expires }, undefined);
}

export function deniedReply(id: RequestId, call: string, approval: string, reason: string, message: string, receipt: Receipt): string {
  return verdictReply(id, `Not approved: ${message}. The call was not made. Approval ${approval}.`, { call, effect: 'refuse', rules: [reason], approval }, receipt);
}

export function failureReply(id: RequestId, failure: Failure): string {
  return errorText(id, failure.rule, failure.message, failure.data);
}

function verdictReply(id: RequestId, text: string, decision: JsonObject, receipt: Receipt | undefined): string {
  const meta: JsonObject = { [decisionKey]: decision };
  if (receipt !== undefined) meta[receiptKey] = receipt;
  return resultText(id, JSON.stringify({ content: [{ type: 'text', text }], isError: true, _meta: meta }));
}

function decisionMeta(call: string, decision: Decision): JsonObject {
  return { call, effect: decision.effect, rules: decision.rules.map((rule) => rule.id) };
}
