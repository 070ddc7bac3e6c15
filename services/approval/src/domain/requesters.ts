import type { ApprovalTerms } from '@customhouse/policy-contract/approve';
import { samePerson, type Links } from './person.js';
import type { Measure } from './quorum.js';
import { requestersOf, type Requester } from './request.js';

/** Who asked for a call, and on which terms it is let through. */
export interface AskedFor {
  readonly requester: Requester;
  readonly terms: ApprovalTerms;
}

/**
 * Names of those who asked and may confirm the call themselves: the person and the owner of the agent, where the terms say so. They are taken for
 * one person. Whoever stands between them and the agent never may.
 */
export function confirmingOf({ requester, terms }: AskedFor): readonly string[] {
  if (terms.requester_confirms !== true) return [];
  return requester.owner === null ? [requester.person] : [requester.person, requester.owner];
}

/** Whether somebody asked for the call, and may confirm it themselves. */
export function mayConfirm(person: string, asked: AskedFor, links: Links): boolean {
  const is = (name: string): boolean => samePerson(name, person, links);
  return confirmingOf(asked).some(is) && !asked.requester.actors.some(is);
}

/** What approvals of this request are measured by. */
export function measureOf(asked: AskedFor & { readonly escalated: boolean }, links: Links): Measure {
  const confirming = confirmingOf(asked);
  const excluded = confirming.length === 0 ? requestersOf(asked.requester) : asked.requester.actors;
  return { terms: asked.terms, escalated: asked.escalated, excluded, confirming, links };
}
