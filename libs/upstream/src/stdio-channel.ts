import type { RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { Channel } from './channel.js';
import type { Child } from './child-process.js';
import { deliver } from './deliver.js';
import { Exchange, cancelledBefore, type ExchangeOptions } from './exchange.js';
import { LineFraming } from './line-framing.js';
import type { UpstreamLogger } from './logger.js';
import { StderrCapture } from './stderr-capture.js';
import { UpstreamFailed, type UpstreamAnswer } from './upstream.js';

export interface StdioChannelOptions {
  readonly child: Child;
  readonly logger: UpstreamLogger;
  /** A longer line ends the process: whose answer it was cannot be told. */
  readonly max_message_bytes: number;
  /** Bytes that may wait for a child that does not read; beyond it calls are refused. */
  readonly max_unread_bytes: number;
  readonly close_timeout_ms: number;
}

/** One JSON text a line over the standard streams of a child process. */
export class StdioChannel implements Channel {
  readonly streamPerRequest = false;
  receive: Channel['receive'] = () => undefined;
  readonly closed: Promise<string>;
  readonly #waiting = new Map<RequestId, StdioExchange>();
  readonly #child: Child;
  #close!: (reason: string) => void;
  #ended: string | undefined;

  constructor(private readonly options: StdioChannelOptions) {
    this.closed = new Promise((resolve) => (this.#close = resolve));
    this.#child = options.child;
    const { stdin, stdout, stderr } = options.child.process;
    const lines = new LineFraming(options.max_message_bytes, (line) => this.#onLine(line));
    stdout.on('data', (chunk: Buffer) => {
      if (this.#ended === undefined && !lines.feed(chunk)) this.#endBadly(`the server wrote a line of more than ${options.max_message_bytes} bytes`);
    });
    stdin.on('error', (error) => this.#endBadly(`the server stopped reading: ${error.message}`));
    stdout.on('error', (error) => this.#endBadly(`the server's output broke: ${error.message}`));
    const diary = new StderrCapture(options.logger);
    stderr.on('error', () => undefined);
    stderr.on('data', (chunk: Buffer) => diary.feed(chunk));
    void options.child.exited.then((reason) => {
      diary.end();
      this.#end(reason);
    });
  }

  exchange(id: RequestId, text: string, options: ExchangeOptions): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      const refusal = options.signal?.aborted ? cancelledBefore() : this.#refusal();
      if (refusal) return reject(refusal);
      const exchange = new StdioExchange(id, options, resolve, reject);
      exchange.waiting = this.#waiting;
      this.#waiting.set(id, exchange);
      exchange.sent = 'maybe';
      this.#child.process.stdin.write(`${text}\n`);
    });
  }

  async send(text: string): Promise<void> {
    const refusal = this.#refusal();
    if (refusal) throw refusal;
    this.#child.process.stdin.write(`${text}\n`);
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#end('closed by us');
    await this.#child.stop(this.options.close_timeout_ms);
  }

  #refusal(): UpstreamFailed | undefined {
    if (this.#ended !== undefined) return new UpstreamFailed('closed', 'no', `the connection to the server has ended: ${this.#ended}`);
    if (this.#child.process.stdin.writableLength > this.options.max_unread_bytes)
      return new UpstreamFailed('overloaded', 'no', `the server does not read its input: more than ${this.options.max_unread_bytes} bytes wait for it`);
    return undefined;
  }

  #onLine(line: string): void {
    if (line.trim() === '') return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      // Programs that print on their standard output are common; what they print is not ours to understand.
      return this.options.logger.warn({ bytes: line.length }, 'an upstream wrote a line that is not JSON; it is left out');
    }
    deliver(message, line.length, { waiting: this.#waiting, receive: (received) => this.receive(received, undefined), logger: this.options.logger });
  }

  #endBadly(reason: string): void {
    if (this.#ended !== undefined) return;
    this.options.logger.warn({ reason }, 'an upstream process is ended');
    this.#end(reason);
    this.#child.kill();
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const exchange of [...this.#waiting.values()]) exchange.fail('closed', `the connection was lost before the answer: ${reason}`);
    this.#close(reason);
  }
}

class StdioExchange extends Exchange {
  waiting!: Map<RequestId, StdioExchange>;

  protected override onSettled(): void {
    this.waiting.delete(this.id);
  }
}
