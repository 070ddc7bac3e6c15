import type { ApprovalTerms } from '@customhouse/policy-contract/approve';
import type { CaseCall, PolicyCase } from '@customhouse/policy-contract/cases';
import type { Decision, Effect } from '@customhouse/policy-contract/decision';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import { canonicalise, type Json } from '@customhouse/kernel/canonical';
import { destinationsIn } from '@customhouse/detectors/destinations';
import { cautious } from './annotations.js';
import { explanation } from './explanation.js';
import type { Policy } from './policy.js';
import { nothingBefore } from './recorded-input.js';
import { selectArguments } from './select-arguments.js';

/** A case that did not come out as it must. */
export interface FailedCase {
  readonly name: string;
  /** One sentence for each difference. */
  readonly differences: readonly string[];
}

/** The event that records a decision. */
export const recordedAs: Readonly<Record<Effect, 'call.admitted' | 'call.refused' | 'call.held'>> = { allow: 'call.admitted', refuse: 'call.refused', hold: 'call.held' };

/** Runs all cases, and answers those that fail. */
export async function runCases(policy: Policy, cases: readonly PolicyCase[]): Promise<readonly FailedCase[]> {
  const failed: FailedCase[] = [];
  for (const asked of cases) {
    const differences = differencesOf(asked, await policy.decide(inputOf(asked.call, policy)));
    if (differences.length > 0) failed.push({ name: asked.name, differences });
  }
  return failed;
}

/** The input that a policy decides a case's call on: the arguments are those that it looks at. */
export function inputOf(call: CaseCall, policy: Policy): PolicyInput {
  const { agent, owner, person, groups, attributes, delegation, method, server, tool, labels, findings, used } = call;
  return {
    principal: { tenant: 'default', agent, owner, person, groups, attributes, delegation, credential: 'key' },
    client: call.client,
    network: { address: call.address, forwarded: [] },
    session: 'case',
    session_state: { labels: call.session.labels ?? [], counters: call.session.counters ?? nothingBefore.counters },
    time: Date.parse(call.time),
    method,
    server,
    tool,
    version: null,
    labels,
    annotations: method === 'tools/call' ? { ...cautious, ...call.annotations } : null,
    arguments: selectArguments(policy.argumentsNeeded(server, tool, method), call.arguments),
    destinations: policy.needs(server, tool, method).destinations ? destinationsIn(call.arguments as Json) : [],
    request: { protocol: call.request.protocol ?? '2025-11-25', era: call.request.era ?? 'legacy', meta: call.request.meta ?? {} },
    findings,
    used: { ...Object.fromEntries(policy.needs(server, tool, method).limits.map(({ rule }) => [rule, 0])), ...used },
  };
}

function differencesOf({ decision: must, audit }: PolicyCase, decision: Decision): string[] {
  const fired = decision.rules.map((rule) => rule.id);
  const { obligations } = decision;
  const pairs: [string, unknown, unknown][] = [
    ['the effect', must.effect, decision.effect],
    ['the rules', must.rules, fired],
  ];
  for (const [name, expected] of Object.entries(must.approve ?? {})) pairs.push([`${name} of the approval`, expected, obligations.approve?.[name as keyof ApprovalTerms]]);
  for (const name of ['redact', 'max_result_bytes', 'cache_s'] as const) if (must[name] !== undefined) pairs.push([name, must[name], obligations[name]]);
  if (audit) pairs.push(['the event', audit.event, recordedAs[decision.effect]], ['the reason', audit.reason, explanation(decision)]);
  return pairs
    .filter(([, expected, actual]) => canonicalise(expected ?? null) !== canonicalise(actual ?? null))
    .map(([what, expected, actual]) => `${what} must be ${JSON.stringify(expected)}, and is ${JSON.stringify(actual)}`);
}
