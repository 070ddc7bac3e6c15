import { samePerson, type Links } from './person.js';
import { measureOf, mayConfirm, type AskedFor } from './requesters.js';
import { ownCallOf, rightsOf, type Delegation } from './voting.js';

/** A request, as far as it matters to whoever looks at it. */
export interface Seen extends AskedFor {
  readonly open: boolean;
  readonly escalated: boolean;
  /** Whose approval counts. */
  readonly approvers: readonly string[];
  /** What one person let run alone. */
  readonly glass: { readonly by: string; readonly review: object | null } | null;
}

/** Somebody who looks, without an agent: in a browser. */
export interface Viewer {
  readonly person: string;
  readonly groups: readonly string[];
  readonly delegations: readonly Delegation[];
  /** Unix milliseconds. */
  readonly now: number;
}

/** What somebody can do about a request as it is now, so that nothing else is offered. What they then ask for is decided anew. */
export interface Standing {
  readonly decides: boolean;
  readonly approved: boolean;
  /** They asked for it themselves and may confirm it, with a login made for it. */
  readonly confirms: boolean;
  /** Why they keep out of it, where it is a call of their own. */
  readonly own: string | undefined;
  readonly withdraws: boolean;
  readonly breaksGlass: boolean;
  readonly reviews: boolean;
}

export function standingOf({ person, groups, delegations, now }: Viewer, seen: Seen, links: Links): Standing {
  const { open, requester, terms, approvers, glass } = seen;
  const own = ownCallOf({ agent: null, person }, links, requester);
  const confirms = mayConfirm(person, seen, links);
  const entitled = rightsOf({ person, groups, delegations, now }, measureOf(seen, links)).length > 0;
  return {
    decides: open && (confirms || own === undefined) && entitled,
    approved: approvers.some((name) => samePerson(name, person, links)),
    confirms,
    own: confirms ? undefined : own,
    withdraws: open && samePerson(person, requester.person, links),
    breaksGlass: open && own === undefined && terms.break_glass?.groups.some((group) => groups.includes(group)) === true,
    reviews: own === undefined && glass !== null && glass.review === null && !samePerson(glass.by, person, links),
  };
}
