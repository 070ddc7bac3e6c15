import type { Decision } from '@customhouse/policy-contract/decision';
import { withoutImpossibleHold } from '@customhouse/policy-contract/hold-not-possible';
import type { PolicyInput } from '@customhouse/policy-contract/input';

/** The policy version in force, as far as a decision needs it. */
export interface Policy {
  readonly version: { readonly number: number; readonly digest: string };
  decide(input: PolicyInput): Decision | Promise<Decision>;
}

/** One that answers at once. */
interface InstantPolicy extends Policy {
  decide(input: PolicyInput): Decision;
}

/** What is to be decided. */
export interface Question {
  /** What the method is aimed at. */
  readonly kind: 'tool' | 'prompt' | 'resource';
  /** False when nothing of the kind is served: nothing about it was accepted, so nothing can be allowed. */
  readonly served: boolean;
  readonly quarantined: boolean;
  /** Everything that the decision may depend on. All of it is recorded. */
  readonly input: PolicyInput;
}

/** Decides one call. The same question and policy give the same decision, for ever. A promise where the policy is evaluated elsewhere. */
export function admit(question: Question, policy: InstantPolicy): Decision;
export function admit(question: Question, policy: Policy): Decision | Promise<Decision>;
export function admit(question: Question, policy: Policy): Decision | Promise<Decision> {
  if (!question.served) return notServed(question, policy);
  const { input } = question;
  const decided = policy.decide(input);
  return decided instanceof Promise ? decided.then((decision) => withoutImpossibleHold(decision, input.method)) : withoutImpossibleHold(decided, input.method);
}

function notServed({ kind, quarantined }: Question, policy: Policy): Decision {
  const rule = quarantined
    ? { id: `${kind}-not-accepted`, effect: 'refuse' as const, reason: `the definition of this ${kind} has not been accepted yet, or has changed since it was` }
    : { id: `unknown-${kind}`, effect: 'refuse' as const, reason: `no such ${kind} is served` };
  return { effect: 'refuse', rules: [rule], obligations: {}, policy: { number: policy.version.number, digest: policy.version.digest } };
}
