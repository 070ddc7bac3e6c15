import type { EventData } from '@customhouse/events/catalogue';
import type { callAdmitted } from '@customhouse/events/call/events';
import type { Sealed } from '@customhouse/events/envelope';
import type { Finding } from '@customhouse/events/finding/finding';
import type { RecordedEvent } from '@customhouse/event-log/sink';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { Annotations, PolicyInput, RequestFacts } from '@customhouse/policy-contract/input';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Said } from '../holds/confirmation.js';
import type { Asked } from './asked.js';
import type { Caller } from './caller.js';
import type { ClientSide } from './sessions/client-side.js';
import type { Network } from './http/network.js';
import type { Reply } from './answers/dialect.js';
import type { Exchange } from './http/exchange.js';
import type { Session } from './sessions/sessions.js';

/** Where a call is in its life. Only forward. */
export type Phase = 'deciding' | 'queued' | 'sent' | 'ended';

/** What a call is aimed at, when it is served: a tool of the catalogue, for example. */
export interface Served {
  readonly server: string;
  /** Digest of the definition that was accepted; null where nobody reviews definitions. */
  readonly definition: string | null;
  readonly labels: readonly string[];
  /** Of a tool: what its definition says of it. */
  readonly annotations?: Annotations;
  readonly generation: number;
  /** As the server described it, where that says how it is to be called. */
  readonly described?: object;
}

/** One governed request on its way through the stages. Each stage fills in what it is responsible for. */
export class Call {
  phase: Phase = 'deciding';
  /** `performance.now()`. */
  readonly began = performance.now();
  readonly method: GovernedMethod;
  /** Set by resolve; undefined when nothing of the kind is served. */
  served: Served | undefined;
  server = '';
  /** What the method is aimed at, by the server's own name: a tool, a prompt, a URI. */
  target = '';
  /** RFC 8785 form of the arguments: what is sealed. */
  argumentsText = '';
  arguments!: Sealed;
  /** What else of the params is sent. */
  extra: Sealed | undefined;
  /** What is recorded instead of the target and its name, when a credential was found in them. */
  masked: string | undefined;
  findings: readonly Finding[] = [];
  decision!: Decision;
  /** What the decision was made on. */
  decidedOn: PolicyInput | undefined;
  /** How the request was made, where that was recorded; else it is found out. */
  request: RequestFacts | undefined;
  /** The record by which it may be sent: of its admission, or of its dispatch after an approval. */
  intent: RecordedEvent | undefined;
  /** Its records are written but not awaited. */
  relaxed = false;
  /** `performance.now()` of when the server must have answered. */
  due = 0;
  /** The client has cancelled, or went away before anything was sent. */
  cancelled = false;
  /** In words, by what it was stopped on its way to its server. */
  stopped: string | undefined;
  /** Made when the call is sent: aborts it at the server. */
  abort: AbortController | undefined;
  /** Who can be told and asked things while the call is under way; undefined when it runs without its client. */
  client: ClientSide | undefined;
  /** What is sent beside the recorded arguments: the client's answers to what the server asked in the round before, which are recorded on their own. */
  input: JsonObject | undefined;
  /** It goes on with a held call whose approval its client was sent to the page for; `said`: what the client says came of that. */
  resumed: { readonly approval: string; readonly said: Said | undefined } | undefined;
  /** Takes the answer instead of the exchange: a client may have moved on to another request meanwhile. */
  onReply: ((reply: Reply | undefined) => void) | undefined;
  /** Requests of the server that its client has not answered yet. */
  asking = 0;
  #askedSince = 0;

  constructor(
    /** ULID. */
    readonly id: string,
    readonly asked: Asked,
    readonly caller: Caller,
    readonly session: Session,
    readonly network: Network,
    /** Who waits for the answer. A call that runs after its client has gone has nobody. */
    readonly exchange: Exchange | undefined,
    /** Unix milliseconds. */
    readonly time: number,
    /** Of what a server asks: the call in whose course it does. */
    readonly during?: string,
  ) {
    this.method = asked.method;
  }

  /**
   * The connection of its client ended. In the legacy era that is no cancellation, says the specification, so a call that was sent
   * goes on, and its outcome is recorded; one that was not sent yet would have an effect that nobody hears of.
   */
  clientGone(): void {
    if (this.phase !== 'sent') this.cancel();
  }

  /** Its server waits for the client from now on: that time does not count against the server. `now`: `performance.now()`. */
  askBegan(now: number): void {
    if (this.asking === 0) this.#askedSince = now;
    this.asking += 1;
  }

  askEnded(now: number): void {
    this.asking -= 1;
    if (this.asking === 0) this.due += now - this.#askedSince;
  }

  /** How much longer than first said the server may take. */
  more_ms(now: number): number {
    return this.asking > 0 ? Math.max(1_000, this.due - now) : this.due - now;
  }

  /** Answers whoever waits for the call; undefined when there is nothing to tell. */
  reply(reply: Reply | undefined): void {
    if (this.onReply !== undefined) this.onReply(reply);
    else this.exchange?.reply(this.asked.requestId, reply);
  }

  /** Gives the call up, because somebody stopped what it belongs to: see `stopped`. */
  stop(words: string): void {
    if (this.phase === 'ended') return;
    this.stopped = words;
    this.cancel();
  }

  /** Gives the call up: it is not sent any more, or cancelled at its server. */
  cancel(): void {
    if (this.phase === 'ended') return;
    this.cancelled = true;
    this.abort?.abort();
  }
}

/** What all three events that record an intent have in common. */
export type Intent = Omit<EventData<typeof callAdmitted>, 'deadline'>;
