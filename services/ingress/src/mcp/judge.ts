import type { Policy } from '@customhouse/policy-engine/policy';
import { isServerMethod } from '@customhouse/policy-contract/methods';
import type { DataKey } from '@customhouse/sealing/sealer';
import type { Question } from '../domain/admit.js';
import type { Catalog } from '../state/catalog.js';
import type { Call } from './call.js';
import { canonicalText } from './canonical-text.js';
import { decide, type Decided } from './decide.js';
import { inputOf, type Facts } from './facts.js';
import { kindOf } from './params.js';
import type { Parts } from './parts.js';
import { isQuarantined } from './resolve.js';
import { decidedOf, knowWhatHappened } from './what-happened.js';

/**
 * Everything between a resolved call and its record: inspects and seals its arguments, and decides. Answers the key that its outcome is
 * sealed with. Throws, or rejects with, Failure.
 */
export function judge(call: Call, parts: Parts): DataKey | Promise<DataKey> {
  const policy = parts.policy();
  const late = knowWhatHappened(call, policy, parts);
  return late === undefined ? judgeBy(policy, call, parts) : late.then(() => judgeBy(policy, call, parts));
}

function judgeBy(policy: Policy, call: Call, parts: Parts): DataKey | Promise<DataKey> {
  const { method, asked } = call;
  call.argumentsText = canonicalText(asked.arguments);
  call.findings = parts.inspector.inspectArguments(asked.arguments);
  if (asked.extra !== undefined) call.findings = [...call.findings, ...parts.inspector.inspectArguments(asked.extra)];
  if (method !== 'tools/call' && !isServerMethod(method)) inspectTarget(call, parts);
  const decided = decide(call, policy, { parts, questionOf: () => questionOf(call, policy, parts), take: (made) => take(call, made, parts) });
  return decided instanceof Promise ? decided.then(() => judged(call, parts)) : judged(call, parts);
}

function take(call: Call, [decision, input]: Decided, { history }: Parts): void {
  call.decision = decision;
  call.decidedOn = input;
  history.decided(decidedOf(call));
}

function judged(call: Call, parts: Parts): DataKey | Promise<DataKey> {
  const { recorder } = parts;
  const key = recorder.keyOf(call);
  return key instanceof Promise ? key.then((made) => sealed(call, made, parts)) : sealed(call, key, parts);
}

/** What is aimed at is recorded in clear, and a URI can hold anything. */
function inspectTarget(call: Call, { inspector }: Parts): void {
  const { name } = call.asked;
  const found = inspector.inspectArguments({ target: name });
  if (found.length === 0) return;
  call.findings = [...call.findings, ...found];
  const { target } = inspector.inspectResult({ target: name }).value;
  if (target !== name) call.masked = String(target);
}

function sealed(call: Call, key: DataKey, { recorder }: Parts): DataKey {
  call.arguments = recorder.seal(key, call.argumentsText);
  const { extra } = call.asked;
  if (extra !== undefined) call.extra = recorder.seal(key, canonicalText(extra));
  return key;
}

/** Everything the decision is made on: what `domain/admit.ts` sees of the call. */
export function questionOf(call: Call, policy: Policy, { catalog, ...facts }: Facts & { readonly catalog: Catalog }): Question {
  const { served } = call;
  return {
    kind: kindOf(call.method, call.asked.arguments),
    served: served !== undefined,
    quarantined: served === undefined && isQuarantined(call, catalog),
    input: inputOf(call, policy, facts),
  };
}
