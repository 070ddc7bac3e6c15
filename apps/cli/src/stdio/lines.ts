import type { Readable } from 'node:stream';

/** Lines of a stream, each of bounded length; `undefined` stands for one that was longer, and was thrown away. Ends with the stream or the signal. */
export class LineReader {
  constructor(
    private readonly input: Readable,
    private readonly max_bytes: number,
    private readonly signal: AbortSignal,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<string | undefined> {
    const onAbort = (): void => void this.input.destroy();
    this.signal.addEventListener('abort', onAbort, { once: true });
    try {
      yield* this.#lines();
    } catch (error) {
      if (!this.signal.aborted) throw error;
    } finally {
      this.signal.removeEventListener('abort', onAbort);
    }
  }

  async *#lines(): AsyncGenerator<string | undefined> {
    let parts: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.input as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        bytes += end - start;
        yield bytes > this.max_bytes ? undefined : Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8');
        parts = [];
        bytes = 0;
        start = end + 1;
      }
      bytes += chunk.length - start;
      if (bytes > this.max_bytes) parts = [];
      else if (start < chunk.length) parts.push(chunk.subarray(start));
    }
    if (bytes > this.max_bytes) yield undefined;
    else if (bytes > 0) yield Buffer.concat(parts).toString('utf8');
  }
}
