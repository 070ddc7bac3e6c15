import { Readable } from 'node:stream';
import { Inject, Injectable, StreamableFile } from '@nestjs/common';
import { unavailable } from '@customhouse/http-contract/problem';
import { ProblemError } from '@customhouse/nest/problem';
import { SHUTDOWN } from '@customhouse/nest/tokens';
import { AUDIT_SETTINGS, type AuditSettings } from '../config.js';

/** Answers that are written while they are read: nothing is fetched before the client has taken what came before. */
@Injectable()
export class Streaming {
  private open = 0;

  constructor(
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Inject(SHUTDOWN) private readonly shutdown: AbortSignal,
  ) {}

  /** One JSON document a line. */
  jsonLines<Row>(rows: AsyncGenerator<Row>, toItem: (row: Row) => unknown): StreamableFile {
    return this.stream(lines(rows, toItem), 'application/jsonl');
  }

  /** Server-sent events; the texts are complete. */
  eventStream(texts: AsyncGenerator<string>): StreamableFile {
    return this.stream(texts, 'text/event-stream');
  }

  private stream(texts: AsyncGenerator<string>, type: string): StreamableFile {
    if (this.open >= this.settings.tails_count)
      throw new ProblemError(unavailable, `${this.open} tails and exports are open, which is the limit (CUSTOMHOUSE_AUDIT_TAILS_COUNT); try again later`);
    this.open += 1;
    const stream = Readable.from(texts, { objectMode: false, highWaterMark: 64 * 1024 });
    const end = () => stream.destroy();
    this.shutdown.addEventListener('abort', end, { once: true });
    stream.once('close', () => {
      this.open -= 1;
      this.shutdown.removeEventListener('abort', end);
    });
    return new StreamableFile(stream, { type });
  }
}

async function* lines<Row>(rows: AsyncGenerator<Row>, toItem: (row: Row) => unknown): AsyncGenerator<string> {
  for await (const row of rows) yield `${JSON.stringify(toItem(row))}\n`;
}
