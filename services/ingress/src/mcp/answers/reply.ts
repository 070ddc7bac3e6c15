import type { EventSink, RecordedEvent } from '@customhouse/event-log/sink';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { ErrorRule } from '@customhouse/mcp-wire/errors';
import { errorObject } from '@customhouse/mcp-wire/messages';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Reply } from './dialect.js';
import type { Failure } from '../failure.js';
import type { Outcome } from '../outcome.js';

/** Where the record of an answer is, so that the one who got it can ask the audit for it. */
export interface Receipt extends JsonObject {
  call: string;
  event: string;
  instance: string;
  epoch: string;
  sequence: number;
}

/** The call that a reply is about. */
export interface About {
  /** ULID. */
  readonly id: string;
  readonly method: GovernedMethod;
}

const receiptKey = 'customhouse/receipt';
const decisionKey = 'customhouse/decision';
/** The call whose result it is, where the server was not asked again. */
const cachedKey = 'customhouse/cached';
const findingsKey = 'customhouse/findings';

export function receiptOf(call: string, recorded: RecordedEvent, sink: EventSink): Receipt {
  return { call, event: recorded.id, instance: sink.instance, epoch: recorded.epoch ?? sink.epoch, sequence: recorded.sequence ?? 0 };
}

/** The answer to a call that ended. Undefined when there is nobody left to tell: the client cancelled. */
export function outcomeReply(call: string, outcome: Outcome, receipt: Receipt | undefined): Reply | undefined {
  switch (outcome.kind) {
    case 'completed':
      return completedReply(outcome, receipt);
    case 'error':
      return { error: outcome.error };
    case 'unsent':
      return { error: errorObject(outcome.rule, outcome.message, { call }) };
    case 'lost':
      return outcome.reason === 'cancelled' ? undefined : { error: errorObject('outcome-unknown', outcome.message, { call }) };
    case 'aborted':
      return undefined;
  }
}

function completedReply(outcome: Extract<Outcome, { kind: 'completed' }>, receipt: Receipt | undefined): Reply {
  const { result, findings } = outcome;
  const meta: JsonObject = {};
  if (receipt !== undefined) meta[receiptKey] = receipt;
  if (outcome.cached !== undefined) meta[cachedKey] = outcome.cached;
  if (findings.length > 0) meta[findingsKey] = findings.map((finding) => ({ ...finding }));
  const own = result['_meta'];
  return { result: { ...result, _meta: isJsonObject(own) ? { ...foreignTo(own), ...meta } : meta } };
}

/** What the server says of itself stays; what only the gateway may say does not. */
function foreignTo(meta: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(meta).filter(([key]) => !key.startsWith('customhouse/')));
}

/** The answer to a request that the policy refuses. */
export function refusalReply(call: About, decision: Decision, receipt: Receipt | undefined): Reply {
  return verdictReply(call, 'refused', refusalText(call.id, decision), decisionMeta(call.id, decision), receipt);
}

export function refusalText(call: string, decision: Decision): string {
  const reasons = decision.rules.filter((rule) => rule.effect === 'refuse').map((rule) => `${rule.reason} (rule ${rule.id})`);
  return `Refused by policy: ${reasons.join('; ')}. Repeating the call will not change that. Call ${call}.`;
}

/** What a caller is told of the approval that its call waits for. */
export interface Awaited {
  readonly id: string;
  readonly expires: string;
  /** Where people decide, when that is known. */
  readonly link: string | undefined;
}

/** The caller's time for waiting is over, and nobody has decided yet. */
export function pendingReply(call: About, decision: Decision, { id, expires, link }: Awaited): Reply {
  const where = link === undefined ? '' : ` People decide at ${link}.`;
  const text = `Approval pending: a person has to approve this call, until ${expires}. It has not been made.${where} Repeat the identical call to go on waiting, or to get its result once it was approved. Approval ${id}.`;
  return verdictReply(call, 'approval-pending', text, { ...decisionMeta(call.id, decision), approval: id, expires, ...(link !== undefined && { link }) }, undefined);
}

export function deniedReply(call: About, approval: string, reason: string, message: string, receipt: Receipt): Reply {
  const text = `Not approved: ${message}. The call was not made. Approval ${approval}.`;
  return verdictReply(call, 'refused', text, { call: call.id, effect: 'refuse', rules: [reason], approval }, receipt);
}

/** Whether a result is what the gateway decided about the call, and not the server's. */
export function isVerdict({ _meta }: JsonObject): boolean {
  return isJsonObject(_meta) && decisionKey in _meta;
}

export function failureReply(failure: Failure): Reply {
  return { error: errorObject(failure.rule, failure.message, failure.data) };
}

/**
 * Of a tool it is an ordinary result with `isError`, because that is what the model behind the client gets to read; programs find the
 * decision in `_meta`. The results of other methods have no place for it, so theirs is an error.
 */
function verdictReply({ method }: About, rule: ErrorRule, text: string, decision: JsonObject, receipt: Receipt | undefined): Reply {
  if (method !== 'tools/call') return { error: errorObject(rule, text, receipt === undefined ? decision : { ...decision, receipt }) };
  const meta: JsonObject = { [decisionKey]: decision };
  if (receipt !== undefined) meta[receiptKey] = receipt;
  return { result: { content: [{ type: 'text', text }], isError: true, _meta: meta } };
}

function decisionMeta(call: string, decision: Decision): JsonObject {
  return { call, effect: decision.effect, rules: decision.rules.map((rule) => rule.id) };
}
