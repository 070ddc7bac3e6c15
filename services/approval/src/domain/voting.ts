import { timestamp } from '@customhouse/kernel/time';
import { sameAgent, samePerson, type Links } from './person.js';
import { confirms, count, entitled, isInPerson, stands, type Count, type Measure } from './quorum.js';
import { mayConfirm, measureOf } from './requesters.js';
import { decidedAlready, expiredAlready, idsOf, RequestRefused, type KnownRequest, type RequestEvent, type Requester } from './request.js';

/** Who speaks: the person counts, the agent tells through what. Null: through none, in a browser or a chat. */
export interface Actor {
  readonly agent: string | null;
  readonly person: string;
}

/** A right to decide that somebody gave to somebody else. */
export interface Delegation {
  readonly from: string;
  /** Groups of the one who gave it. What was delegated to them is not among it, so it goes one step and no further. */
  readonly groups: readonly string[];
  readonly to: string;
  readonly expires_ms: number;
}

interface Voice {
  readonly by: Actor;
  /** By their login they may decide about nothing but what they asked for themselves. */
  readonly onlyOwn?: boolean;
  readonly groups: readonly string[];
  readonly links: Links;
  readonly reason: string;
  readonly via: string;
  readonly fresh: boolean;
  /** SHA-256 of what was shown. */
  readonly preview: string | null;
  /** The binding that was read. */
  readonly binding?: string;
  readonly now: number;
}

export interface CastVote extends Voice {
  readonly do: 'vote';
  readonly verdict: 'approve' | 'deny';
  /** Any; only what was given to this person and has not expired counts. */
  readonly delegations: readonly Delegation[];
}

export interface BreakGlass extends Voice {
  readonly do: 'break-glass';
  /** Something else that this person let run alone and that nobody reviewed in time. */
  readonly overdue: string | null;
  readonly review_ms: number;
}

export interface ReviewGlass {
  readonly do: 'review';
  readonly by: Actor;
  readonly links: Links;
  readonly verdict: 'justified' | 'unjustified';
  readonly comment: string;
}

export function vote(command: CastVote, state: KnownRequest): readonly RequestEvent[] {
  const { by, links, verdict, reason, via, fresh, preview } = command;
  checkBinding(command, state);
  // Whoever repeats a vote because the answer got lost is told that it counts, also when it has decided meanwhile.
  const last = standing(state, links).findLast((earlier) => samePerson(earlier.by, by.person, links));
  if (last?.verdict === verdict) return [];
  checkOpen(command, state);
  const confirming = mayConfirm(by.person, state.opened, links);
  if (confirming) checkAgent(by, state);
  else checkOthers(command, state);
  const right = rightOf(command, state);
  if (verdict === 'approve') checkLogin(command, state, confirming);
  const data = { approval: state.opened.approval, by: by.person, for: right.of, groups: [...right.groups], verdict, reason, via, fresh, preview };
  const cast: RequestEvent = { type: 'approval.vote.cast', data };
  if (verdict === 'deny') return [cast, { type: 'approval.request.denied', data: { ...idsOf(state), by: by.person, reason } }];
  const { enough, people } = countOf({ ...state, votes: [...state.votes, data] }, links);
  return enough ? [cast, { type: 'approval.request.granted', data: { ...idsOf(state), binding: state.opened.binding, by: [...people] } }] : [cast];
}

/** Lets the call run on the word of one person. Somebody else has to review it, and until then the person cannot do it again once that is overdue. */
export function breakGlass(command: BreakGlass, state: KnownRequest): readonly RequestEvent[] {
  const { by, links, reason, via, fresh, preview, now } = command;
  checkBinding(command, state);
  if (state.glass !== null && samePerson(state.glass.by, by.person, links)) return [];
  checkOpen(command, state);
  checkOthers(command, state);
  const rule = state.opened.terms.break_glass;
  if (rule === undefined) throw new RequestRefused('no-break-glass', 'the rules that hold this call have no way around the approvals');
  const groups = rule.groups.filter((group) => command.groups.includes(group));
  if (groups.length === 0) throw new RequestRefused('not-eligible', `only members of ${rule.groups.join(' or ')} can let this call run alone`);
  if (reason.trim() === '') throw new RequestRefused('reason-needed', 'say why it cannot wait for the others: the reason is reviewed');
  checkLogin(command, state, false);
  if (command.overdue !== null)
    throw new RequestRefused('review-overdue', `${by.person} let ${command.overdue} run alone and nobody has reviewed that in time: have it reviewed first`);
  const { binding } = state.opened;
  const broken = { ...idsOf(state), binding, by: by.person, groups, reason, via, fresh, preview, review_by: timestamp(now + command.review_ms) };
  return [
    { type: 'approval.glass.broken', data: broken },
    { type: 'approval.request.granted', data: { ...idsOf(state), binding, by: [by.person] } },
  ];
}

export function review({ by, links, verdict, comment }: ReviewGlass, state: KnownRequest): readonly RequestEvent[] {
  const { glass } = state;
  if (glass === null) throw new RequestRefused('nothing-to-review', 'nobody let this call run alone, so there is nothing to review');
  checkFourEyes(by, links, state);
  if (samePerson(by.person, glass.by, links)) throw new RequestRefused('four-eyes', `${by.person} let this call run alone, so somebody else has to review it`);
  if (glass.review !== null) {
    if (glass.review.verdict === verdict && samePerson(glass.review.by, by.person, links)) return [];
    throw new RequestRefused('already-decided', `${glass.review.by} has reviewed this: ${glass.review.verdict}`);
  }
  return [{ type: 'approval.review.completed', data: { ...idsOf(state), by: by.person, verdict, comment } }];
}

/** How far the approvals of a request reach, as links are now. */
export function countOf(state: KnownRequest, links: Links): Count {
  return count(state.votes, measure(state, links));
}

function measure({ opened, escalated }: KnownRequest, links: Links): Measure {
  return measureOf({ ...opened, escalated }, links);
}

/** Votes that can count, as links are now. */
function standing(state: KnownRequest, links: Links): KnownRequest['votes'] {
  const now = measure(state, links);
  return state.votes.filter((vote) => stands(vote, now));
}

function checkBinding({ binding }: Voice, state: KnownRequest): void {
  if (binding !== undefined && binding !== state.opened.binding)
    throw new RequestRefused('digest-mismatch', 'the vote is for another call than the one that is held: read the request again');
}

function checkOpen({ now }: Voice, state: KnownRequest): void {
  if (state.status !== 'open') throw decidedAlready(state);
  if (now >= state.expires_ms) throw expiredAlready(state);
}

/** Whoever does not confirm a call of their own decides about calls of others, if they may at all. */
function checkOthers({ by, links, onlyOwn }: Voice, state: KnownRequest): void {
  checkFourEyes(by, links, state);
  if (onlyOwn === true) throw new RequestRefused('not-eligible', `${by.person} may decide about nothing but calls of their own, and only where the rules let them`);
}

function checkAgent({ agent }: Actor, { opened: { requester } }: KnownRequest): void {
  if (agent !== null && asks(agent, requester)) throw new RequestRefused('four-eyes', throughAgent(agent));
}

function checkFourEyes(by: Actor, links: Links, state: KnownRequest): void {
  const own = ownCallOf(by, links, state.opened.requester);
  if (own !== undefined) throw new RequestRefused('four-eyes', own);
}

/** Why somebody keeps out of a call of their own; undefined where it is none. */
export function ownCallOf({ person, agent }: Actor, links: Links, requester: Requester): string | undefined {
  if (samePerson(person, requester.person, links)) return `${person} asked for this call, so somebody else has to decide; cancel it instead if it is not wanted`;
  if (requester.owner !== null && samePerson(person, requester.owner, links)) return `the agent ${requester.agent} belongs to ${person}, so somebody else has to decide`;
  if (requester.actors.some((actor) => samePerson(person, actor, links))) return `${person} stands between the agent and the person who asked, so somebody else has to decide`;
  if (agent !== null && asks(agent, requester)) return throughAgent(agent);
  return undefined;
}

function asks(agent: string, requester: Requester): boolean {
  return [requester.agent, ...requester.actors].some((asking) => sameAgent(agent, asking));
}

function throughAgent(agent: string): string {
  return `the agent ${agent} asked for this call, so nobody can decide through it: use another key`;
}

function checkLogin(voice: Voice, state: KnownRequest, confirming: boolean): void {
  const { fresh, by } = voice;
  if (confirming && !isInPerson(voice))
    throw new RequestRefused('fresh-login', `${by.person} asked for this call, and confirms it with a login made for it: decide in the browser`);
  if (state.opened.terms.fresh_login && !fresh) throw new RequestRefused('fresh-login', 'this call is let through only with a login made for it: decide in the browser');
}

export interface Right {
  /** Null: their own. */
  readonly of: string | null;
  readonly groups: readonly string[];
}

/** The right that a vote uses: their own where they have one, else one that was delegated to them. A denial uses none up. */
function rightOf(command: CastVote, state: KnownRequest): Right {
  const { by, links, verdict } = command;
  const rights = rightsOf({ ...command, person: by.person }, measure(state, links));
  if (rights.length === 0) throw new RequestRefused('not-eligible', `${by.person} may not decide about this call: ${whoMay(state)}`);
  const unused = verdict === 'deny' ? rights : rights.filter(({ of }) => !isUsed(of ?? by.person, links, state));
  const [right] = unused;
  if (right === undefined) throw new RequestRefused('right-used', `the right of ${rights.map(({ of }) => of ?? by.person).join(', ')} was used already`);
  return right;
}

/** Every right through which somebody may decide, their own first. `delegations`: any; only what was given to them and has not expired counts. */
export function rightsOf({ person, groups, delegations, now }: Pick<CastVote, 'groups' | 'delegations' | 'now'> & { readonly person: string }, measure: Measure): readonly Right[] {
  const { excluded, confirming, links } = measure;
  const asking = [...excluded, ...confirming];
  // The right of whoever asked helps nobody, and nobody's right helps whoever asked.
  const given = confirms(person, measure) ? [] : delegations;
  const delegated = given.filter(({ from, to, expires_ms }) => now < expires_ms && samePerson(to, person, links) && !asking.some((name) => samePerson(name, from, links)));
  const candidates: readonly Right[] = [{ of: null, groups }, ...delegated.map((given) => ({ of: given.from, groups: given.groups }))];
  return candidates.flatMap((right) => {
    const through = entitled(right.of ?? person, right.groups, measure);
    return through === undefined ? [] : [{ of: right.of, groups: through }];
  });
}

function isUsed(name: string, links: Links, state: KnownRequest): boolean {
  return standing(state, links).some((vote) => vote.verdict === 'approve' && [vote.by, vote.for].some((used) => used !== null && samePerson(used, name, links)));
}

function whoMay({ opened: { terms }, escalated }: KnownRequest): string {
  const among = (terms.approvers ?? []).map(({ people = [], groups = [] }) =>
    [...(people.length > 0 ? [people.join(', ')] : []), ...(groups.length > 0 ? [`members of ${groups.join(', ')}`] : [])].join(' or '),
  );
  const later = escalated && terms.escalate !== undefined ? `, or members of ${terms.escalate.groups.join(', ')}` : '';
  return `the rules ask for ${among.join(', and also for ')}${later}`;
}
