import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { Said } from '../../holds/confirmation.js';
import type { TaskTerms } from '../tasks/task.js';

/** A page on which the user behind a client lets a held call of theirs run. */
export interface Page {
  readonly url: string;
  /** In words for the user, what is asked of them there. */
  readonly message: string;
  /** The approval that is decided there, and until when (Unix milliseconds). */
  readonly approval: string;
  readonly until: number;
  /** The client says what came of it, as far as it knows. */
  onSaid(said: Said): void;
  /** The client has a state to come back with, which counts once. */
  onHandedOut(round: string): void;
}

export interface Visit {
  /** It was decided: the client is told that nothing is asked of its user any more. */
  over(): void;
}

/**
 * The client of one call, as the call sees it: whichever era it speaks, and whether or not it is still there. Of the legacy era:
 * legacy-client.ts; of the modern one: eras/modern.ts. A call that runs after its client has gone has none.
 */
export interface ClientSide {
  /** What the client declared that it can be asked: of `sampling`, `elicitation` and `roots` those that there are, members included. */
  readonly capabilities: JsonObject;

  /** It was asked something, its request has ended with that, and it has not come back with the answer yet. */
  readonly away?: boolean;

  /** Calls back once the client has the answer to its call; never when it does not get that. */
  onAnswered(listener: () => void): void;

  /** It can be answered with a task, and looks after that. */
  readonly takesTasks?: boolean;

  /** The call is recorded, and will be sent: a client that asked for a task is answered with it. */
  begun?(): void;

  /** The call will take long. A client that knows tasks is answered with one. Whether the call is a task then. */
  becomeTask?(terms: TaskTerms): boolean;

  /** How the server says that its task is going, in words. */
  taskSays?(message: string | undefined): void;

  /** The server lets its client come back for the answer. A client that can do so at any replica is let go as well. */
  pause?(): void;

  /**
   * Asks the user behind the client to visit a page. `left`: the request has ended with that, and the client comes back in another one. Undefined:
   * the client did not declare that it can be asked so.
   */
  visit?(page: Page): Visit | 'left' | undefined;

  /** It can be asked things after its call has ended. */
  readonly outlivesCalls?: boolean;

  /**
   * Tells the client something that belongs to its call: progress (with the client's own token), logging. Left out when the client takes no
   * stream, does not keep up, or is gone.
   */
  notify(method: string, params: JsonObject | undefined): void;

  /**
   * Passes a request of an upstream on to the client and waits for its answer, which may be an error of the client's. Whether the client
   * declared that it can be asked this, and whether the policy allows it, has been looked at before (upstream-asks.ts).
   *
   * `signal`: nobody waits for the answer any more; the client is told (`notifications/cancelled`) where its era knows that.
   * `onProgress`: gets the params of `notifications/progress` of the client, without their token, where the era has them and the request asked for
   * them (`_meta.progressToken`, which is replaced on this hop).
   *
   * `key`: what the server calls the question, where it has a name for it.
   *
   * Rejects with UpstreamFailed and nothing else: `sent: 'no'` when the client was certainly not asked.
   */
  ask(method: string, params: JsonObject, signal: AbortSignal, onProgress?: (params: JsonObject) => void, key?: string): Promise<UpstreamAnswer>;
}
