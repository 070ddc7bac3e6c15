import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Revision } from '@customhouse/mcp-wire/revisions';
import type { UpstreamAnswer } from '@customhouse/upstream/upstream';

/** Of what a client declared, the part that a server can make use of. */
export interface ClientProfile {
  readonly capabilities: JsonObject;
  /** Clients with the same text can share a connection to a server; empty for one that cannot be asked anything. */
  readonly key: string;
}

/** What a call needs at its server, and how it hears that it is being sent. */
export interface Errand {
  readonly method: string;
  readonly params: JsonObject;
  /** What the client calls the target: its notifications name it so. */
  readonly exposed: string;
  /** Of a tool its definition, which says what of the arguments is sent in headers too. */
  readonly definition?: JsonObject | undefined;
  /** A server of 2025-11-25 that makes tasks of calls is asked for one, to be kept this long (`ttl`, milliseconds). */
  readonly task?: JsonObject | undefined;
  /** Names the principal: HTTP servers have a session for each. */
  readonly who: string;
  /** The session of the client: what the server says later may be for it. */
  readonly session: string;
  /** The client's: a server that speaks both is spoken to as the client speaks, so that least is lost on the way. Undefined: as the server likes best. */
  readonly era?: Revision['era'] | undefined;
  /** What the server may ask of the client. */
  readonly profile: ClientProfile;
  /** `performance.now()` by which there must be an answer. */
  readonly due: number;
  /** Asked when that time is over: how much longer. */
  readonly more_ms?: () => number;
  readonly max_bytes: number;
  isCancelled(): boolean;
  /** Called when the next thing that happens is the first byte. The signal it returns cancels the call at the server. */
  onSending(): AbortSignal;
  /** Notifications of the server that belong to the call. */
  readonly onMessage: ((message: JsonObject) => void) | undefined;
  /** The server ended the stream of the call before its answer, for its client to come back. */
  readonly onPaused?: (() => void) | undefined;
  /** What the server asks of the client in the course of the call. */
  readonly onRequest: ((request: UpstreamRequest) => void) | undefined;
}

/** A request of a server to the client behind a call. */
export interface UpstreamRequest {
  readonly method: string;
  readonly params: JsonObject;
  /** Aborted when nobody waits for the answer any more: the server said so, or the connection ended. */
  readonly signal: AbortSignal;
  /** To be called once. Does not throw; an answer that nobody waits for is dropped. */
  respond(answer: UpstreamAnswer): void;
  /** Takes the params of the client's progress, without their token. Undefined when the server did not ask for progress. */
  readonly onProgress: ((params: JsonObject) => void) | undefined;
}

/** A client that cannot be asked anything. */
export const silentClient: ClientProfile = { capabilities: {}, key: '' };
