import type { approvalPublished } from '@customhouse/events/approval/events';
import type { callHeld } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import type { Position } from '@customhouse/event-log/port';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Call } from '../mcp/call.js';
import type { Reply } from '../mcp/answers/dialect.js';
import type { Exchange } from '../mcp/http/exchange.js';
import type { Visit } from '../mcp/sessions/client-side.js';

export type HeldData = EventData<typeof callHeld>;
export type ApprovalState = EventData<typeof approvalPublished>;

/** How a held call ended, ready to be told to whoever asks. Undefined: there is nothing to tell. */
export interface Ending {
  readonly reply: Reply | undefined;
}

/** A request that waits for a held call. */
export interface Waiter {
  /** The request; its client can be told and asked things when the held call runs while it waits. */
  readonly call: Call;
  readonly exchange: Exchange;
  /** It was answered with a task: it waits for as long as the held call does, and needs no signs of life. */
  readonly asTask: boolean;
  /** `performance.now()` when it is told to come back later. */
  readonly until: number;
  /** Signs of life so far, for progress. */
  steps: number;
  /** Its user was sent to the page of the approval, as far as the client can be asked to do so. */
  sent: boolean;
  /** The waiter has its answer or is gone. */
  done: () => void;
}

/** A held call as this process knows it: what waits, who waits, what the approval service says. */
export class Hold {
  readonly waiters = new Set<Waiter>();
  /** Users who were sent to the page of the approval, by the sessions of their clients. Each goes on after the client was told to come back later. */
  readonly visits = new Map<string, Visit>();
  /** States that clients have to come back with, each counting once. */
  readonly rounds = new Set<string>();
  /** What the approval service published last; undefined until it has. */
  state: ApprovalState | undefined;
  /** Once the call has ended. */
  ending: Ending | undefined;
  /** This process has begun to dispatch or deny it, and does so at most once. */
  begun = false;
  /** While this process runs it. */
  running: Call | undefined;
  /** Its outcome was given to a client, so that the next identical call is a new one. */
  collected = false;

  constructor(
    readonly approval: string,
    /** Where the held event is: the stored copy that will run. */
    readonly position: Position,
    readonly call: string,
    readonly method: GovernedMethod,
    readonly session: string,
    readonly sameness: string,
    readonly expires: string,
    readonly decision: HeldData['decision'],
  ) {}
}
