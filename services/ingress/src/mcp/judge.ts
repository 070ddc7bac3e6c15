import type { Policy } from '@customhouse/policy-engine/policy';
import { nothingBefore, unknownRequest } from '@customhouse/policy-engine/recorded-input';
import { selectArguments } from '@customhouse/policy-engine/select-arguments';
import { isServerMethod } from '@customhouse/policy-contract/methods';
import type { DataKey } from '@customhouse/sealing/sealer';
import { admit, type Question } from '../domain/admit.js';
import { stoppedDecision } from '../domain/stopped.js';
import type { Catalog } from '../state/catalog.js';
import type { Call } from './call.js';
import { canonicalText } from './canonical-text.js';
import { kindOf } from './params.js';
import type { Parts } from './parts.js';
import { isQuarantined } from './resolve.js';

/**
 * Everything between a resolved call and its record: inspects and seals its arguments, and decides. Answers the key that its outcome is
 * sealed with. Throws, or rejects with, Failure.
 */
export function judge(call: Call, parts: Parts): DataKey | Promise<DataKey> {
  const { recorder } = parts;
  const policy = parts.policy();
  const { method, asked } = call;
  call.argumentsText = canonicalText(asked.arguments);
  call.findings = parts.inspector.inspectArguments(asked.arguments);
  if (asked.extra !== undefined) call.findings = [...call.findings, ...parts.inspector.inspectArguments(asked.extra)];
  if (method !== 'tools/call' && !isServerMethod(method)) inspectTarget(call, parts);
  const stopped = parts.stops.against(call);
  call.decision = stopped === undefined ? admit(questionOf(call, parts.catalog, policy), policy) : stoppedDecision(stopped, policy);
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
export function questionOf(call: Call, catalog: Catalog, policy: Policy): Question {
  const { served } = call;
  return {
    kind: kindOf(call.method, call.asked.arguments),
    served: served !== undefined,
    quarantined: served === undefined && isQuarantined(call, catalog),
    input: {
      principal: call.caller.seen,
      client: call.session.client,
      network: { address: call.address, forwarded: [] },
      session: call.session.id,
      session_state: nothingBefore,
      time: call.time,
      method: call.method,
      server: call.server,
      tool: call.target,
      version: served?.definition ?? null,
      labels: [...(served?.labels ?? [])],
      annotations: null,
      arguments: selectArguments(policy.argumentsNeeded(call.server, call.target, call.method), call.asked.arguments),
      destinations: [],
      request: unknownRequest,
      findings: [...new Set(call.findings.map((finding) => finding.rule))],
      used: {},
    },
  };
}
