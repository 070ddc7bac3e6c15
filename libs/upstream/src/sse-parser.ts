import { StringDecoder } from 'node:string_decoder';

/**
 * Reads `text/event-stream` (WHATWG) piece by piece: comments, `id`, `retry`, several `data` lines, CR, LF and CRLF, and a byte
 * order mark. `lastEventId` and `retry_ms` are what the stream said last. An event larger than the limit is an error of the caller's choice.
 */
export class SseParser {
  lastEventId: string | undefined;
  retry_ms: number | undefined;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #data: string | undefined;
  #id: string | undefined;
  #name = '';
  #started = false;
  /** The last piece ended with CR: an LF at the start of the next one belongs to it. */
  #skipLf = false;

  /** `name` is `message` where the event has none of its own. */
  constructor(private readonly onEvent: (data: string, name: string) => void) {}

  /** Characters that are held until their line or event is complete. */
  get pending(): number {
    return this.#rest.length + (this.#data?.length ?? 0);
  }

  feed(chunk: Buffer): void {
    let text = this.#decoder.write(chunk);
    if (text === '') return;
    if (!this.#started) {
      this.#started = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    if (this.#skipLf && text.charCodeAt(0) === 10) text = text.slice(1);
    this.#skipLf = text.charCodeAt(text.length - 1) === 13;
    if (text.includes('\r')) text = text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
    const lines = text.split('\n');
    lines[0] = this.#rest + lines[0]!;
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
    if (field === 'data') this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    else if (field === 'event') this.#name = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.retry_ms = Number(value);
  }

  #dispatch(): void {
    // An id counts once its event is complete: an event that was cut off is asked for again.
    if (this.#id !== undefined) this.lastEventId = this.#id;
    const data = this.#data;
    const name = this.#name === '' ? 'message' : this.#name;
    this.#data = undefined;
    this.#name = '';
    if (data !== undefined && data !== '') this.onEvent(data, name);
  }
}
