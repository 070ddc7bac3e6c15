import type { Finding } from '@customhouse/events/finding/finding';
import type { Principal } from '@customhouse/events/principal';
import type { Decision } from '@customhouse/policy-contract/decision';
import { withoutImpossibleHold } from '@customhouse/policy-contract/hold-not-possible';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';

/** The policy version in force, as far as a decision needs it. */
export interface Policy {
  readonly version: { readonly number: number; readonly digest: string };
  decide(input: PolicyInput): Decision;
}

/** Everything that a decision may depend on. All of it is recorded. */
export interface Question {
  readonly principal: Principal;
  readonly client: { readonly name: string; readonly version: string } | null;
  readonly address: string;
  readonly session: string;
  /** Unix milliseconds. */
  readonly time: number;
  readonly method: GovernedMethod;
  /** What the method is aimed at. */
  readonly kind: 'tool' | 'prompt' | 'resource';
  readonly server: string;
  readonly tool: string;
  /** Undefined when nothing of the kind is served: nothing about it was accepted, so nothing can be allowed. */
  readonly labels: readonly string[] | undefined;
  readonly quarantined: boolean;
  /** Those that a rule for this method and target looks at, by JSON Pointer. */
  readonly arguments: Record<string, unknown>;
  readonly findings: readonly Finding[];
}

/** Decides one call. The same question and policy give the same decision, for ever. */
export function admit(question: Question, policy: Policy): Decision {
  const { labels } = question;
  if (labels === undefined) return notServed(question, policy);
  const { principal } = question;
  const decision = policy.decide({
    principal: { tenant: principal.tenant, agent: principal.agent, person: principal.person, groups: principal.groups, credential: principal.credential.kind },
    client: question.client,
    network: { address: question.address },
    session: question.session,
    time: question.time,
    method: question.method,
    server: question.server,
    tool: question.tool,
    labels: labels as string[],
    arguments: question.arguments,
    findings: question.findings.length === 0 ? none : [...new Set(question.findings.map((finding) => finding.rule))],
  });
  return withoutImpossibleHold(decision, question.method);
}

const none: string[] = [];

function notServed({ kind, quarantined }: Question, policy: Policy): Decision {
  const rule = quarantined
    ? { id: `${kind}-not-accepted`, effect: 'refuse' as const, reason: `the definition of this ${kind} has not been accepted yet, or has changed since it was` }
    : { id: `unknown-${kind}`, effect: 'refuse' as const, reason: `no such ${kind} is served` };
  return { effect: 'refuse', rules: [rule], obligations: {}, policy: { number: policy.version.number, digest: policy.version.digest } };
}
