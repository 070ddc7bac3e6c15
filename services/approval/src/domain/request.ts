import type { dispatcherNamed, requestCancelled, requestClosed, requestDenied, requestExpired, requestGranted, requestOpened, voteCast } from '@customhouse/events/approval/events';
import type { EventData, EventDeclaration } from '@customhouse/events/catalogue';
import { unixMilliseconds } from '@customhouse/kernel/time';
import { samePerson } from './person.js';

/** Milliseconds in this file are Unix milliseconds of the database's clock. */

export interface Dispatcher {
  readonly instance: string;
  readonly epoch: string;
  /** From 1. */
  readonly attempt: number;
  readonly searched: number;
}

export interface Vote {
  readonly by: string;
  readonly verdict: 'approve' | 'deny';
}

/** One approval request, as its events tell it. */
export type Request =
  | { readonly status: 'none' }
  | {
      readonly status: 'open' | 'granted' | 'dispatching' | 'denied' | 'expired' | 'cancelled' | 'closed';
      readonly opened: EventData<typeof requestOpened>;
      readonly expires_ms: number;
      readonly votes: readonly Vote[];
      /** Who decided, once somebody has. */
      readonly decided_by: readonly string[];
      /** The words of the decision, once there is one. */
      readonly decision: string | null;
      /** Who ends the call. */
      readonly dispatcher: Dispatcher | null;
      /** Dispatchers named so far. */
      readonly attempts: number;
      /** Type of the event that ended the call. */
      readonly terminal: string | null;
    };
export type KnownRequest = Exclude<Request, { status: 'none' }>;

type Fact<D extends EventDeclaration> = { readonly type: D['type']; readonly data: EventData<D> };
export type RequestEvent =
  | Fact<typeof requestOpened>
  | Fact<typeof voteCast>
  | Fact<typeof requestGranted>
  | Fact<typeof requestDenied>
  | Fact<typeof requestExpired>
  | Fact<typeof requestCancelled>
  | Fact<typeof dispatcherNamed>
  | Fact<typeof requestClosed>;

/** Who speaks: the person counts, the agent tells through what. */
export interface Actor {
  readonly agent: string;
  readonly person: string;
}

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
  | {
      readonly do: 'vote';
      readonly by: Actor;
      readonly verdict: 'approve' | 'deny';
      readonly reason: string;
      readonly via: string;
      readonly binding?: string;
      readonly now: number;
    }
  /** By the system itself: the request is not fit to be decided by people. */
  | { readonly do: 'reject'; readonly reason: string }
  | { readonly do: 'cancel'; readonly by: Actor; readonly operator: boolean; readonly reason: string; readonly now: number }
  | { readonly do: 'expire'; readonly evidence: Evidence; readonly now: number }
  | { readonly do: 'name'; readonly instance: string; readonly epoch: string; readonly evidence: Evidence; readonly now: number }
  | { readonly do: 'close'; readonly terminal: string };

export type RefusalRule = 'not-found' | 'already-decided' | 'expired' | 'digest-mismatch' | 'four-eyes' | 'not-yours';

/** The command does not fit the state. Nothing happened. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  constructor(
    readonly rule: RefusalRule,
    message: string,
  ) {
    super(message);
  }
}

/** Name under which the system itself decides. */
export const system = 'customhouse';

export const initial: Request = { status: 'none' };

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
    case 'reject':
      return state.status === 'open' ? [denied(state, system, command.reason)] : [];
    case 'cancel':
      return cancel(command, state);
    case 'expire':
      return expire(command, state);
    case 'name':
      return name(command, state);
    case 'close':
      return state.status === 'closed' ? [] : [{ type: 'approval.request.closed', data: { ...ids(state), terminal: command.terminal } }];
  }
}

function vote(command: Extract<Command, { do: 'vote' }>, state: KnownRequest): readonly RequestEvent[] {
  const { by, verdict, reason, via, now } = command;
  const { requester, quorum, approval, binding } = state.opened;
  if (command.binding !== undefined && command.binding !== binding)
    throw new RequestRefused('digest-mismatch', 'the vote is for another call than the one that is held: read the request again');
  // Whoever repeats a vote because the answer got lost is told that it counts, also when it has decided meanwhile.
  const last = state.votes.findLast((earlier) => samePerson(earlier.by, by.person));
  if (last?.verdict === verdict) return [];
  if (state.status !== 'open') throw decided(state);
  if (now >= state.expires_ms) throw new RequestRefused('expired', `the request expired at ${state.opened.expires}`);
  if (samePerson(by.person, requester.person))
    throw new RequestRefused('four-eyes', `${by.person} asked for this call, so somebody else has to decide; cancel it instead if it is not wanted`);
  if (samePerson(by.agent, requester.agent)) throw new RequestRefused('four-eyes', `the agent ${by.agent} asked for this call, so nobody can decide through it: use another key`);
  const cast: RequestEvent = { type: 'approval.vote.cast', data: { approval, by: by.person, verdict, reason, via } };
  if (verdict === 'deny') return [cast, denied(state, by.person, reason)];
  const approvers = [...approversOf(state), by.person];
  if (approvers.length < quorum) return [cast];
  return [cast, { type: 'approval.request.granted', data: { ...ids(state), binding, by: approvers } }];
}

function cancel(command: Extract<Command, { do: 'cancel' }>, state: KnownRequest): readonly RequestEvent[] {
  const { by, operator, reason, now } = command;
  if (!operator && !samePerson(by.person, state.opened.requester.person))
    throw new RequestRefused('not-yours', 'only the person who asked for the call, or an operator, can cancel the request');
  if (state.status === 'cancelled') return [];
  // A granted request can still be withdrawn while nobody was told to run it.
  if (state.status !== 'open' && state.status !== 'granted') throw decided(state);
  if (now >= state.expires_ms) throw new RequestRefused('expired', `the request expired at ${state.opened.expires}`);
  return [{ type: 'approval.request.cancelled', data: { ...ids(state), by: by.person, reason } }];
}

function expire(command: Extract<Command, { do: 'expire' }>, state: KnownRequest): readonly RequestEvent[] {
  if (command.now < state.expires_ms) return [];
  const waiting = state.status === 'open' || state.status === 'granted';
  // A living dispatcher sees the expiry itself. One that is gone and has sent nothing never will.
  const orphaned = state.status === 'dispatching' && command.evidence.ended && !command.evidence.dispatched;
  return waiting || orphaned ? [{ type: 'approval.request.expired', data: ids(state) }] : [];
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
  return [{ type: 'approval.dispatcher.named', data: { ...ids(state), binding, instance, epoch, attempt: state.attempts + 1, held, searched: evidence.searched } }];
}

export function evolve(state: Request, event: RequestEvent): Request {
  if (event.type === 'approval.request.opened') {
    const { expires } = event.data;
    return { status: 'open', opened: event.data, expires_ms: unixMilliseconds(expires), votes: [], decided_by: [], decision: null, dispatcher: null, attempts: 0, terminal: null };
  }
  if (state.status === 'none') throw new Error(`the stream of an approval request begins with ${event.type}`);
  switch (event.type) {
    case 'approval.vote.cast':
      return { ...state, votes: [...state.votes, { by: event.data.by, verdict: event.data.verdict }] };
    case 'approval.request.granted':
      return { ...state, status: 'granted', decided_by: event.data.by, decision: `approved by ${event.data.by.join(', ')}` };
    case 'approval.request.denied':
      return { ...state, status: 'denied', decided_by: [event.data.by], decision: event.data.reason };
    case 'approval.request.expired':
      return { ...state, status: 'expired', decision: state.status === 'open' ? 'nobody decided in time' : 'it was approved, and could not be run in time', dispatcher: null };
    case 'approval.request.cancelled':
      return { ...state, status: 'cancelled', decided_by: [event.data.by], decision: event.data.reason };
    case 'approval.dispatcher.named': {
      const { instance, epoch, attempt, searched } = event.data;
      return { ...state, status: state.status === 'granted' ? 'dispatching' : state.status, dispatcher: { instance, epoch, attempt, searched }, attempts: attempt };
    }
    case 'approval.request.closed':
      return { ...state, status: 'closed', terminal: event.data.terminal };
  }
}

/** Distinct people whose approval counts at present. */
export function approversOf(state: KnownRequest): readonly string[] {
  const approvers: string[] = [];
  for (const { by, verdict } of state.votes) {
    if (verdict === 'approve' && !approvers.some((known) => samePerson(known, by))) approvers.push(by);
  }
  return approvers;
}

function ids(state: KnownRequest): { approval: string; call: string } {
  return { approval: state.opened.approval, call: state.opened.call };
}

function denied(state: KnownRequest, by: string, reason: string): RequestEvent {
  return { type: 'approval.request.denied', data: { ...ids(state), by, reason } };
}

function decided(state: KnownRequest): RequestRefused {
  if (state.status === 'expired') return new RequestRefused('expired', `the request expired at ${state.opened.expires}`);
  const who = state.decided_by.length > 0 ? ` by ${state.decided_by.join(', ')}` : '';
  return new RequestRefused('already-decided', `the request is ${state.status}${who}: it is decided once`);
}
