import type {
  dispatcherNamed,
  glassBroken,
  requestCancelled,
  requestClosed,
  requestDenied,
  requestEscalated,
  requestExpired,
  requestGranted,
  requestOpened,
  requestReminded,
  reviewCompleted,
  voteCast,
} from '@customhouse/events/approval/events';
import type { EventData, EventDeclaration } from '@customhouse/events/catalogue';
import { unixMilliseconds } from '@customhouse/kernel/time';
import type { Vote } from './quorum.js';

/** Milliseconds in this file are Unix milliseconds of the database's clock. */

export interface Dispatcher {
  readonly instance: string;
  readonly epoch: string;
  /** From 1. */
  readonly attempt: number;
  readonly searched: number;
}

/** What one person let run alone. */
export interface Glass {
  readonly by: string;
  readonly reason: string;
  readonly review_by: string;
  /** Null until somebody else has looked at it. */
  readonly review: { readonly by: string; readonly verdict: 'justified' | 'unjustified'; readonly comment: string } | null;
}

/** One approval request, as its events tell it. */
export type Request =
  | { readonly status: 'none' }
  | {
      readonly status: 'open' | 'granted' | 'dispatching' | 'denied' | 'expired' | 'cancelled' | 'closed';
      readonly opened: EventData<typeof requestOpened>;
      readonly opened_ms: number;
      readonly expires_ms: number;
      readonly votes: readonly Vote[];
      /** Reminders so far, each with what it was about. */
      readonly reminders: { readonly decision: number; readonly review: number };
      readonly escalated: boolean;
      readonly glass: Glass | null;
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
/** Who asked for the call, with everybody between them and the agent. */
export type Requester = Omit<EventData<typeof requestOpened>['requester'], 'tenant'>;
export type KnownRequest = Exclude<Request, { status: 'none' }>;

type Fact<D extends EventDeclaration> = { readonly type: D['type']; readonly data: EventData<D> };
export type RequestEvent =
  | Fact<typeof requestOpened>
  | Fact<typeof voteCast>
  | Fact<typeof requestReminded>
  | Fact<typeof requestEscalated>
  | Fact<typeof glassBroken>
  | Fact<typeof reviewCompleted>
  | Fact<typeof requestGranted>
  | Fact<typeof requestDenied>
  | Fact<typeof requestExpired>
  | Fact<typeof requestCancelled>
  | Fact<typeof dispatcherNamed>
  | Fact<typeof requestClosed>;

export type RefusalRule =
  | 'not-found'
  | 'already-decided'
  | 'expired'
  | 'digest-mismatch'
  | 'four-eyes'
  | 'not-eligible'
  | 'right-used'
  | 'fresh-login'
  | 'no-break-glass'
  | 'reason-needed'
  | 'review-overdue'
  | 'nothing-to-review'
  | 'not-yours';

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

export const initial: Request = { status: 'none' };

export function evolve(state: Request, event: RequestEvent): Request {
  if (event.type === 'approval.request.opened') return opened(event.data);
  if (state.status === 'none') throw new Error(`the stream of an approval request begins with ${event.type}`);
  switch (event.type) {
    case 'approval.vote.cast': {
      const { by, for: of, groups, verdict, via, fresh } = event.data;
      return { ...state, votes: [...state.votes, { by, for: of, groups, verdict, via, fresh }] };
    }
    case 'approval.request.reminded':
      return { ...state, reminders: { ...state.reminders, [event.data.about]: event.data.number } };
    case 'approval.request.escalated':
      return { ...state, escalated: true };
    case 'approval.glass.broken': {
      const { by, reason, review_by } = event.data;
      return { ...state, glass: { by, reason, review_by, review: null } };
    }
    case 'approval.review.completed': {
      const { by, verdict, comment } = event.data;
      return { ...state, glass: state.glass && { ...state.glass, review: { by, verdict, comment } } };
    }
    case 'approval.request.granted': {
      const { by } = event.data;
      const decision = state.glass === null ? `approved by ${by.join(', ')}` : `approved by ${by.join(', ')} alone, in an emergency: ${state.glass.reason}`;
      return { ...state, status: 'granted', decided_by: by, decision };
    }
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

function opened(data: EventData<typeof requestOpened>): KnownRequest {
  return {
    status: 'open',
    opened: data,
    opened_ms: unixMilliseconds(data.opened),
    expires_ms: unixMilliseconds(data.expires),
    votes: [],
    reminders: { decision: 0, review: 0 },
    escalated: false,
    glass: null,
    decided_by: [],
    decision: null,
    dispatcher: null,
    attempts: 0,
    terminal: null,
  };
}

/** Names of those who asked for the call, who do not decide about it unless the terms let them confirm: the person, the owner of the agent, and whoever stands between them. */
export function requestersOf({ person, owner, actors }: Requester): readonly string[] {
  return [person, ...(owner === null ? [] : [owner]), ...actors];
}

export function idsOf(state: KnownRequest): { approval: string; call: string } {
  return { approval: state.opened.approval, call: state.opened.call };
}

/** Why nothing can be decided any more. */
export function decidedAlready(state: KnownRequest): RequestRefused {
  if (state.status === 'expired') return expiredAlready(state);
  const who = state.decided_by.length > 0 ? ` by ${state.decided_by.join(', ')}` : '';
  return new RequestRefused('already-decided', `the request is ${state.status}${who}: it is decided once`);
}

export function expiredAlready(state: KnownRequest): RequestRefused {
  return new RequestRefused('expired', `the request expired at ${state.opened.expires}`);
}
