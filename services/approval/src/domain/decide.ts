import type { requestOpened } from '@customhouse/events/approval/events';
import type { EventData } from '@customhouse/events/catalogue';
import { unixMilliseconds } from '@customhouse/kernel/time';
import { samePerson, type Links } from './person.js';
import { decidedAlready, expiredAlready, idsOf, RequestRefused, type KnownRequest, type Request, type RequestEvent } from './request.js';
import { breakGlass, review, vote, type Actor, type BreakGlass, type ReviewGlass, type CastVote } from './voting.js';

/** What the log shows about the dispatcher that was named last. */
export interface Evidence {
  /** Its chain has ended: closed, followed by another epoch, or silent for too long. */
  readonly ended: boolean;
  /** A `call.dispatched` for this approval is in the log. */
  readonly dispatched: boolean;
  /** Offset in the held event's partition up to which that was looked for. */
  readonly searched: number;
}

export type Command =
  | { readonly do: 'open'; readonly request: EventData<typeof requestOpened> }
  | CastVote
  | BreakGlass
  | ReviewGlass
  /** By the system itself: the request is not fit to be decided by people. */
  | { readonly do: 'reject'; readonly reason: string }
  | { readonly do: 'cancel'; readonly by: Actor; readonly operator: boolean; readonly links: Links; readonly reason: string; readonly now: number }
  | { readonly do: 'expire'; readonly evidence: Evidence; readonly now: number }
  /** Asks again what was not answered, and asks others; `most` reminders in all. */
  | { readonly do: 'urge'; readonly most: number; readonly now: number }
  | { readonly do: 'name'; readonly instance: string; readonly epoch: string; readonly evidence: Evidence; readonly now: number }
  | { readonly do: 'close'; readonly terminal: string };

/** Name under which the system itself decides. */
export const system = 'customhouse';

/**
 * What follows from a command. No events: it is done already, or nothing is to be done. Throws RequestRefused for what a
 * person asked for and may not have.
 */
export function decide(command: Command, state: Request): readonly RequestEvent[] {
  if (state.status === 'none') {
    if (command.do === 'open') return [{ type: 'approval.request.opened', data: command.request }];
    throw new RequestRefused('not-found', 'there is no such approval request');
  }
  switch (command.do) {
    case 'open':
      return [];
    case 'vote':
      return vote(command, state);
    case 'break-glass':
      return breakGlass(command, state);
    case 'review':
      return review(command, state);
    case 'reject':
      return state.status === 'open' ? [{ type: 'approval.request.denied', data: { ...idsOf(state), by: system, reason: command.reason } }] : [];
    case 'cancel':
      return cancel(command, state);
    case 'expire':
      return expire(command, state);
    case 'urge':
      return urge(command, state);
    case 'name':
      return name(command, state);
    case 'close':
      return state.status === 'closed' ? [] : [{ type: 'approval.request.closed', data: { ...idsOf(state), terminal: command.terminal } }];
  }
}

function cancel(command: Extract<Command, { do: 'cancel' }>, state: KnownRequest): readonly RequestEvent[] {
  const { by, operator, links, reason, now } = command;
  if (!operator && !samePerson(by.person, state.opened.requester.person, links))
    throw new RequestRefused('not-yours', 'only the person who asked for the call, or an operator, can cancel the request');
  if (state.status === 'cancelled') return [];
  // A granted request can still be withdrawn while nobody was told to run it.
  if (state.status !== 'open' && state.status !== 'granted') throw decidedAlready(state);
  if (now >= state.expires_ms) throw expiredAlready(state);
  return [{ type: 'approval.request.cancelled', data: { ...idsOf(state), by: by.person, reason } }];
}

function expire(command: Extract<Command, { do: 'expire' }>, state: KnownRequest): readonly RequestEvent[] {
  if (command.now < state.expires_ms) return [];
  const waiting = state.status === 'open' || state.status === 'granted';
  // A living dispatcher sees the expiry itself. One that is gone and has sent nothing never will.
  const orphaned = state.status === 'dispatching' && command.evidence.ended && !command.evidence.dispatched;
  return waiting || orphaned ? [{ type: 'approval.request.expired', data: idsOf(state) }] : [];
}

function urge({ most, now }: Extract<Command, { do: 'urge' }>, state: KnownRequest): readonly RequestEvent[] {
  if (now < (dueAt(state, most) ?? Infinity)) return [];
  const { reminders, opened } = state;
  if (state.status !== 'open') return [{ type: 'approval.request.reminded', data: { ...idsOf(state), about: 'review', number: reminders.review + 1 } }];
  const { escalate, remind_s } = opened.terms;
  if (escalate !== undefined && now >= (escalatesAt(state) ?? Infinity)) return [{ type: 'approval.request.escalated', data: { ...idsOf(state), groups: escalate.groups } }];
  // What was missed while nobody looked is made up for by one reminder, not by many.
  const number = Math.min(most, Math.floor((now - state.opened_ms) / (remind_s! * 1000)));
  return [{ type: 'approval.request.reminded', data: { ...idsOf(state), about: 'decision', number } }];
}

/** When `urge` has something to do next, in Unix milliseconds. Undefined: never. */
export function dueAt(state: KnownRequest, most: number): number | undefined {
  if (state.glass !== null) return state.glass.review === null && state.reminders.review === 0 ? unixMilliseconds(state.glass.review_by) : undefined;
  if (state.status !== 'open') return undefined;
  const times = [escalatesAt(state), remindsAt(state, most)].filter((time) => time !== undefined && time < state.expires_ms);
  return times.length === 0 ? undefined : Math.min(...(times as number[]));
}

function escalatesAt(state: KnownRequest): number | undefined {
  const { escalate } = state.opened.terms;
  return escalate === undefined || state.escalated ? undefined : state.opened_ms + escalate.after_s * 1000;
}

function remindsAt(state: KnownRequest, most: number): number | undefined {
  const { remind_s } = state.opened.terms;
  return remind_s === undefined || state.reminders.decision >= most ? undefined : state.opened_ms + (state.reminders.decision + 1) * remind_s * 1000;
}

function name(command: Extract<Command, { do: 'name' }>, state: KnownRequest): readonly RequestEvent[] {
  const { instance, epoch, evidence, now } = command;
  const run = state.status === 'granted' || state.status === 'dispatching';
  const end = state.status === 'denied' || state.status === 'expired' || state.status === 'cancelled';
  if (!run && !end) return [];
  if (run && now >= state.expires_ms) return [];
  if (evidence.dispatched) return [];
  if (state.dispatcher !== null && !evidence.ended) return [];
  const { binding, held } = state.opened;
  return [{ type: 'approval.dispatcher.named', data: { ...idsOf(state), binding, instance, epoch, attempt: state.attempts + 1, held, searched: evidence.searched } }];
}
