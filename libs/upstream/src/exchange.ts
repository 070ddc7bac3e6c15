import { isJsonObject, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { UpstreamFailed, type JsonRpcError, type UpstreamAnswer, type UpstreamFailureReason } from './upstream.js';

export interface ExchangeOptions {
  readonly timeout_ms: number;
  /** Asked when that time is over: how much longer to wait. */
  readonly more_ms?: () => number;
  readonly max_bytes: number;
  readonly signal?: AbortSignal;
  /** The caller's (HTTP). What the transport and the era say goes before them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The era's (HTTP), in lower case. */
  readonly eraHeaders?: Readonly<Record<string, string>>;
  /** The answer may name a session (HTTP). */
  readonly opensSession?: boolean;
  /** A stream that stays open: `max_bytes` bounds each message, and it takes no connection from calls. */
  readonly standing?: boolean;
  readonly onMessage?: (message: JsonObject) => void;
  /** The server ended the stream before its answer, and will be asked for the rest. */
  readonly onPaused?: () => void;
  /** The caller stopped waiting after something was sent: the era decides how the server hears of it. */
  readonly onAbandoned?: (id: RequestId, reason: string) => void;
}

/** A timer that is set for longer fires at once. */
const longestTimer_ms = 2 ** 31 - 1;

/**
 * One request that waits for its answer: settled once, by the answer, a failure, the timer or the caller's signal. The
 * transports extend it or keep it; it is one object with no closures because every call makes one.
 */
export class Exchange {
  /** Becomes `maybe` just before the first byte is handed to the connection, never earlier. */
  sent: 'no' | 'maybe' = 'no';
  settled = false;
  #timer: NodeJS.Timeout;

  constructor(
    readonly id: RequestId,
    readonly options: ExchangeOptions,
    private readonly resolve: (answer: UpstreamAnswer) => void,
    private readonly reject: (failure: UpstreamFailed) => void,
  ) {
    this.#timer = setTimeout(onTimeout, Math.min(options.timeout_ms, longestTimer_ms), this);
    options.signal?.addEventListener('abort', this);
  }

  /** EventListener of the caller's signal. */
  handleEvent(): void {
    this.abandon('cancelled', 'the caller cancelled the call');
  }

  /** Takes a message with `result` or `error`. One that is neither a good result nor a good error fails the exchange. */
  answer(message: JsonObject): void {
    const { result, error } = message;
    if (isJsonObject(result) && error === undefined) this.#settle()?.resolve({ result });
    else if (isJsonRpcError(error) && result === undefined) this.#settle()?.resolve({ error });
    else this.fail('malformed', 'the server answered with neither a result object nor an error object');
  }

  /** The time is over, unless the caller gives more. */
  expire(): void {
    const more = this.options.more_ms?.() ?? 0;
    if (more > 0) this.#timer = setTimeout(onTimeout, Math.min(more, longestTimer_ms), this);
    else this.abandon('timeout', `no answer within ${this.options.timeout_ms} ms`);
  }

  fail(reason: UpstreamFailureReason, message: string, more?: { readonly cause?: unknown; readonly status?: number }): void {
    this.#settle()?.reject(new UpstreamFailed(reason, this.sent, message, more));
  }

  abandon(reason: 'timeout' | 'cancelled', message: string): void {
    if (this.settled) return;
    const tell = this.sent === 'maybe';
    this.fail(reason, message);
    if (tell) this.options.onAbandoned?.(this.id, message);
    this.release();
  }

  /** Fails the exchange and lets the connection go, without telling the server anything. */
  cut(reason: UpstreamFailureReason, message: string): void {
    this.fail(reason, message);
    this.release();
  }

  /** The caller stopped waiting: the transport lets go of the connection it holds for the exchange. */
  protected release(): void {}

  /** Called once, when the exchange has its answer or failure. */
  protected onSettled(): void {}

  #settle(): this | undefined {
    if (this.settled) return undefined;
    this.settled = true;
    clearTimeout(this.#timer);
    this.options.signal?.removeEventListener('abort', this);
    this.onSettled();
    return this;
  }
}

/** For a request whose signal was aborted before it began. */
export function cancelledBefore(): UpstreamFailed {
  return new UpstreamFailed('cancelled', 'no', 'the caller cancelled the call');
}

function onTimeout(exchange: Exchange): void {
  exchange.expire();
}

function isJsonRpcError(value: unknown): value is JsonRpcError {
  return isJsonObject(value) && Number.isInteger(value['code']) && typeof value['message'] === 'string';
}
