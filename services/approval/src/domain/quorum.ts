import type { ApprovalTerms } from '@customhouse/policy-contract/approve';
import { personOf, samePerson, type Links } from './person.js';

/** A vote, as far as it counts. */
export interface Vote {
  readonly by: string;
  /** Whose right was used, where it was delegated. */
  readonly for: string | null;
  readonly groups: readonly string[];
  readonly verdict: 'approve' | 'deny';
  readonly via: string;
  readonly fresh: boolean;
}

/** What people are asked for, and what is known about them now. */
export interface Measure {
  readonly terms: ApprovalTerms;
  readonly escalated: boolean;
  /** Who never counts: those who asked, and may not confirm. */
  readonly excluded: readonly string[];
  /** Those who asked, where the terms let them confirm: however many names these are, they are one person. */
  readonly confirming: readonly string[];
  readonly links: Links;
}

/** How far the approvals reach. */
export interface Count {
  /** One name for each distinct person whose approval counts, the first first. */
  readonly people: readonly string[];
  /** People still needed in all, whoever they are. */
  readonly missing: number;
  /** What each group still has to give. */
  readonly groups: readonly { readonly group: string; readonly missing: number }[];
  readonly enough: boolean;
}

/**
 * Counts people, not votes. Everything that a vote ties together is one person: the names that are linked, and whoever voted
 * with whoever's right they used. So no right and no person counts twice, whatever is linked or delegated later.
 */
export function count(votes: readonly Vote[], measure: Measure): Count {
  const { terms } = measure;
  const people = distinct(votes, measure);
  const assigned = assign(people, measure);
  const groups = (terms.groups ?? []).map(({ group, quorum }) => ({ group, missing: quorum - assigned.filter((taken) => taken === group).length }));
  const missing = Math.max(0, terms.quorum - people.length);
  return { people: people.map(({ name }) => name), missing, groups, enough: missing === 0 && groups.every((group) => group.missing === 0) };
}

/** Whether somebody is one of those who asked and may confirm. */
export function confirms(person: string, { confirming, links }: Pick<Measure, 'confirming' | 'links'>): boolean {
  return confirming.some((name) => samePerson(name, person, links));
}

/**
 * Whether a way of voting shows that it is the person, and not the agent that acts in their name: a login made for the decision, or a key. Whose
 * key it is, is looked at when the vote is cast.
 */
export function isInPerson({ via, fresh }: Pick<Vote, 'via' | 'fresh'>): boolean {
  return fresh || via === 'api';
}

/** Whether a vote can count, as links are now. Of those who asked only what they said in person and in their own right does. */
export function stands(vote: Vote, measure: Pick<Measure, 'confirming' | 'links'>): boolean {
  const own = [vote.by, ...(vote.for === null ? [] : [vote.for])].some((name) => confirms(name, measure));
  return !own || (vote.for === null && isInPerson(vote));
}

/**
 * The groups through which somebody may decide; undefined when they may not. They must be among those that each rule names, or, once
 * others were asked as well, among these.
 */
export function entitled(person: string, groups: readonly string[], { terms, escalated, links }: Pick<Measure, 'terms' | 'escalated' | 'links'>): readonly string[] | undefined {
  const counting = new Set(groupsOf(terms));
  const theirs = [...new Set(groups)].filter((group) => counting.has(group)).sort();
  const standsIn = escalated && theirs.some((group) => terms.escalate?.groups.includes(group));
  const isNamed = (terms.approvers ?? []).every(
    (some) => some.people?.some((name) => samePerson(name, person, links)) === true || some.groups?.some((group) => theirs.includes(group)) === true,
  );
  return isNamed || standsIn ? theirs : undefined;
}

/** Every group that means something for a decision on these terms. */
export function groupsOf(terms: ApprovalTerms): readonly string[] {
  return [...(terms.approvers ?? []).flatMap((some) => some.groups ?? []), ...(terms.groups ?? []).map(({ group }) => group), ...(terms.escalate?.groups ?? [])];
}

interface Counted {
  readonly name: string;
  readonly keys: Set<string>;
  readonly groups: Set<string>;
}

function distinct(votes: readonly Vote[], measure: Measure): readonly Counted[] {
  const { excluded, confirming, links } = measure;
  const keyOf = (name: string): string => personOf(confirms(name, measure) ? confirming[0]! : name, links);
  let people: Counted[] = [];
  for (const vote of votes) {
    if (vote.verdict !== 'approve' || !stands(vote, measure)) continue;
    const keys = [vote.by, ...(vote.for === null ? [] : [vote.for])].map(keyOf);
    const same = people.filter((person) => keys.some((key) => person.keys.has(key)));
    const merged: Counted = {
      name: same[0]?.name ?? vote.by,
      keys: new Set([...same.flatMap((person) => [...person.keys]), ...keys]),
      groups: new Set([...same.flatMap((person) => [...person.groups]), ...vote.groups]),
    };
    people = same.length === 0 ? [...people, merged] : people.map((person) => (person === same[0] ? merged : person)).filter((person) => !same.includes(person));
  }
  return people.filter((person) => !excluded.some((name) => person.keys.has(keyOf(name))));
}

/** Gives as many places of groups to people as can be given, one to each: a maximum matching, by augmenting paths. Answers the places that are taken. */
function assign(people: readonly Counted[], { terms, escalated }: Measure): readonly string[] {
  const standIns = new Set(escalated ? terms.escalate?.groups : []);
  const places = (terms.groups ?? []).flatMap(({ group, quorum }) => Array.from({ length: quorum }, () => group));
  const holders: (number | undefined)[] = places.map(() => undefined);
  const fits = (person: Counted, group: string) => person.groups.has(group) || [...person.groups].some((own) => standIns.has(own));
  const seat = (person: number, tried: Set<number>): boolean =>
    places.some((group, place) => {
      if (tried.has(place) || !fits(people[person]!, group)) return false;
      tried.add(place);
      if (holders[place] !== undefined && !seat(holders[place], tried)) return false;
      holders[place] = person;
      return true;
    });
  people.forEach((_, person) => seat(person, new Set()));
  return places.filter((_, place) => holders[place] !== undefined);
}
