import { StringDecoder } from 'node:string_decoder';
import type { Finding } from '@customhouse/events/finding/finding';
import { redact } from '@customhouse/detectors/redact';
import { builtInPack } from '@customhouse/detectors/rule-pack';
import type { UpstreamLogger } from './logger.js';

export interface StderrLimits {
  readonly line_characters: number;
  readonly lines_per_minute: number;
}

export const stderrLimits: StderrLimits = { line_characters: 2_000, lines_per_minute: 120 };

/** Makes `redact` look at every line. */
const suspected: Finding = { rule: 'credential', severity: 'high', location: 'result', message: 'not looked at' };

/**
 * Standard error of a server goes to the log: it is the server's diary, and says why it does not start. A bounded number of bounded
 * lines, without credentials and without control characters.
 */
export class StderrCapture {
  readonly #decoder = new StringDecoder('utf8');
  #line = '';
  #tooLong = false;
  #minute = -1;
  #lines = 0;
  #left = 0;

  /** `now` counts milliseconds from any moment. */
  constructor(
    private readonly logger: UpstreamLogger,
    private readonly limits: StderrLimits = stderrLimits,
    private readonly now: () => number = () => performance.now(),
  ) {}

  feed(chunk: Buffer): void {
    const parts = this.#decoder.write(chunk).split('\n');
    parts.forEach((part, index) => {
      if (index > 0) this.#endLine();
      // What is beyond the limit is not kept, however long the line becomes.
      const room = this.limits.line_characters - this.#line.length;
      if (part.length > room) this.#tooLong = true;
      if (room > 0) this.#line += part.slice(0, room);
    });
  }

  /** The process has ended: what it wrote last may have no line break. */
  end(): void {
    this.#endLine();
    this.#tellLeft();
  }

  #endLine(): void {
    const line = this.#line;
    const tooLong = this.#tooLong;
    this.#line = '';
    this.#tooLong = false;
    if (line.trim() === '') return;
    const minute = Math.floor(this.now() / 60_000);
    if (minute !== this.#minute) {
      this.#tellLeft();
      this.#minute = minute;
      this.#lines = 0;
    }
    this.#lines += 1;
    if (this.#lines > this.limits.lines_per_minute) {
      this.#left += 1;
      return;
    }
    this.logger.info({ stderr: readable(line), ...(tooLong && { cut: true }) }, 'an upstream process wrote to its standard error');
  }

  #tellLeft(): void {
    if (this.#left > 0) this.logger.warn({ lines: this.#left }, 'an upstream process wrote more to its standard error than is logged; the rest was left out');
    this.#left = 0;
  }
}

function readable(line: string): string {
  const plain = line.replaceAll(/\u001b\[[0-9;]*[A-Za-z]/g, '').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
  return redact(builtInPack, plain, [suspected]) as string;
}
