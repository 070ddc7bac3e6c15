import type { ApprovalTerms } from '@customhouse/policy-contract/approve';

type Approvers = NonNullable<ApprovalTerms['approvers']>[number];

/**
 * Whether approvals that were enough on the terms of then may not be enough on the terms of now: more people, others, more of a group, a
 * fresh login, or four eyes where the person who asked could confirm. Who else could have decided, and for how long, does not matter any more.
 */
export function asksMore(now: ApprovalTerms | undefined, then: ApprovalTerms | undefined): boolean {
  if (now === undefined) return false;
  if (then === undefined || now.quorum > then.quorum) return true;
  if (now.fresh_login === true && then.fresh_login !== true) return true;
  if (then.requester_confirms === true && now.requester_confirms !== true) return true;
  const quorumThen = (name: string): number => then.groups?.find(({ group }) => group === name)?.quorum ?? 0;
  if (now.groups?.some(({ group, quorum }) => quorum > quorumThen(group)) === true) return true;
  return now.approvers?.some((wanted) => then.approvers?.some((given) => isWithin(given, wanted)) !== true) === true;
}

/** Whether all of these approvers are among those. */
function isWithin(these: Approvers, those: Approvers): boolean {
  const people = these.people?.every((person) => those.people?.includes(person) === true) ?? true;
  return people && (these.groups?.every((group) => those.groups?.includes(group) === true) ?? true);
}
