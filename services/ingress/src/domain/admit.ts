import type { Finding } from '@customhouse/events/finding/finding';
import type { Principal } from '@customhouse/events/principal';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { PolicyInput } from '@customhouse/policy-contract/input';

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
  readonly method: string;
  readonly server: string;
  readonly tool: string;
  /** Undefined when no such tool is served: nothing about it was accepted, so nothing can be allowed. */
  readonly labels: readonly string[] | undefined;
  readonly quarantined: boolean;
  /** Those that a rule for this tool looks at, by JSON Pointer. */
  readonly arguments: Record<string, unknown>;
  readonly findings: readonly Finding[];
}

/** Decides one call. The same question and policy give the same decision, for ever. */
export function admit(question: Question, policy: Policy): Decision {
  const { labels } = question;
  if (labels === undefined) return notServed(question, policy);
  const { principal } = question;
  return policy.decide({
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
}

const none: string[] = [];

function notServed(question: Question, policy: Policy): Decision {
  const rule = question.quarantined
    ? { id: 'tool-not-accepted', effect: 'refuse' as const, reason: 'the definition of this tool has not been accepted yet, or has changed since it was' }
    : { id: 'unknown-tool', effect: 'refuse' as const, reason: 'no such tool is served' };
  return { effect: 'refuse', rules: [rule], obligations: {}, policy: { number: policy.version.number, digest: policy.version.digest } };
}
