import { silentLogger, type UpstreamLogger } from './logger.js';
import { UpstreamFailed, type Upstream } from './upstream.js';

export interface SupervisionOptions {
  /** Opens a connection; see openUpstream. The signal ends the attempt when supervision ends. */
  readonly open: (signal: AbortSignal) => Promise<Upstream>;
  /** Called with each new connection before anybody uses it. */
  readonly onOpened?: (upstream: Upstream) => void;
  readonly onLost?: (reason: string) => void;
  /** First pause after a failure; doubled after each further one. Default 250. */
  readonly backoff_min_ms?: number;
  /** Default 30,000. */
  readonly backoff_max_ms?: number;
  /** A connection that lasted this long clears the record. Default 30,000. */
  readonly stable_ms?: number;
  readonly logger?: UpstreamLogger;
}

/**
 * Keeps one connection to a server: opened on demand, opened again after it ended. Between attempts it refuses at once rather than
 * make the caller wait. It never repeats a call.
 */
export class SupervisedUpstream {
  #current: Upstream | undefined;
  #opening: Promise<Upstream> | undefined;
  #failures = 0;
  #notBefore = 0;
  #lastFailure = '';
  readonly #stop = new AbortController();

  constructor(private readonly options: SupervisionOptions) {}

  /** The present connection without opening one. */
  get present(): Upstream | undefined {
    return this.#current;
  }

  /** Rejects with UpstreamFailed, `sent: 'no'`. */
  connect(): Promise<Upstream> {
    if (this.#current) return Promise.resolve(this.#current);
    if (this.#stop.signal.aborted) return Promise.reject(new UpstreamFailed('closed', 'no', 'the connection to the server was closed'));
    if (this.#opening) return this.#opening;
    const wait = this.#notBefore - performance.now();
    if (wait > 0)
      return Promise.reject(new UpstreamFailed('unreachable', 'no', `the server is not available (${this.#lastFailure}); the next attempt is in ${Math.ceil(wait)} ms`));
    this.#opening = this.#open().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#opening?.catch(() => undefined);
    await this.#current?.close();
  }

  async #open(): Promise<Upstream> {
    let upstream: Upstream;
    try {
      upstream = await this.options.open(this.#stop.signal);
    } catch (error) {
      this.#onFailure(error instanceof Error ? error.message : String(error));
      throw notSent(error);
    }
    if (this.#stop.signal.aborted) {
      await upstream.close();
      throw new UpstreamFailed('closed', 'no', 'the connection to the server was closed');
    }
    this.#current = upstream;
    this.options.onOpened?.(upstream);
    const opened = performance.now();
    void upstream.closed.then((reason) => this.#onClosed(upstream, reason, performance.now() - opened));
    return upstream;
  }

  #onClosed(upstream: Upstream, reason: string, lasted_ms: number): void {
    if (this.#current === upstream) this.#current = undefined;
    if (this.#stop.signal.aborted) return;
    if (lasted_ms >= (this.options.stable_ms ?? 30_000)) this.#failures = 0;
    // A forgotten session is opened again at once, unless the server forgets every one of them.
    if (reason === 'session-lost' && lasted_ms >= 1_000) this.#notBefore = 0;
    else this.#onFailure(reason);
    this.options.onLost?.(reason);
  }

  #onFailure(reason: string): void {
    const max = this.options.backoff_max_ms ?? 30_000;
    const pause = Math.min(max, (this.options.backoff_min_ms ?? 250) * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    this.#lastFailure = reason;
    // Between half and all of the pause, so that many processes do not come back in step.
    this.#notBefore = performance.now() + pause * (0.5 + Math.random() / 2);
    (this.options.logger ?? silentLogger).warn({ reason, pause_ms: Math.round(pause), failures: this.#failures }, 'an upstream was lost or did not open');
  }
}

/** Whatever the handshake sent, the caller's request was not part of it. */
function notSent(error: unknown): UpstreamFailed {
  if (error instanceof UpstreamFailed) return error.sent === 'no' ? error : new UpstreamFailed(error.reason, 'no', error.message, { cause: error });
  return new UpstreamFailed('unreachable', 'no', error instanceof Error ? error.message : String(error), { cause: error });
}
