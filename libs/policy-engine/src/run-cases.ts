import type { CaseCall, PolicyCase } from '@customhouse/policy-contract/cases';
import type { Decision, Effect } from '@customhouse/policy-contract/decision';
import type { PolicyInput } from '@customhouse/policy-contract/input';
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
export function runCases(policy: Policy, cases: readonly PolicyCase[]): readonly FailedCase[] {
  return cases
    .map((asked) => ({ name: asked.name, differences: differencesOf(asked, policy.decide(inputOf(asked.call, policy))) }))
    .filter((result) => result.differences.length > 0);
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
    destinations: [],
    request: { protocol: call.request.protocol ?? '2025-11-25', era: call.request.era ?? 'legacy', meta: call.request.meta ?? {} },
    findings,
    used,
  };
}

function differencesOf({ decision: must, audit }: PolicyCase, decision: Decision): string[] {
  const fired = decision.rules.map((rule) => rule.id);
  const { approve } = decision.obligations;
  const pairs: [string, unknown, unknown][] = [
    ['the effect', must.effect, decision.effect],
    ['the rules', must.rules, fired],
  ];
  if (must.approve) pairs.push(['the approval', [must.approve.quorum, must.approve.expires_s], approve && [approve.quorum, approve.expires_s]]);
  if (audit) pairs.push(['the event', audit.event, recordedAs[decision.effect]], ['the reason', audit.reason, explanation(decision)]);
  return pairs
    .filter(([, expected, actual]) => JSON.stringify(expected) !== JSON.stringify(actual))
    .map(([what, expected, actual]) => `${what} must be ${JSON.stringify(expected)}, and is ${JSON.stringify(actual)}`);
}
