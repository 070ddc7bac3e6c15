/** Cuts a byte stream into lines of bounded length without copying more than once. */
export class LineFraming {
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(
    private readonly max_bytes: number,
    private readonly onLine: (line: string) => void,
  ) {}

  /** Returns false, and takes no more, when a line is longer than the limit. */
  feed(chunk: Buffer): boolean {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      if (this.#bytes + end - start > this.max_bytes) return false;
      this.#emit(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) {
      const rest = chunk.subarray(start);
      this.#bytes += rest.length;
      if (this.#bytes > this.max_bytes) return false;
      this.#parts.push(rest);
    }
    return true;
  }

  #emit(last: Buffer): void {
    let line = last;
    if (this.#parts.length > 0) {
      line = Buffer.concat([...this.#parts, last]);
      this.#parts = [];
      this.#bytes = 0;
    }
    const text = line.toString('utf8');
    this.onLine(text.endsWith('\r') ? text.slice(0, -1) : text);
  }
}
