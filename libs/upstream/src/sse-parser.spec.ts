import { describe, expect, it } from '@jest/globals';
import { SseParser } from './sse-parser.js';

function parse(pieces: readonly (string | Buffer)[]): { events: string[]; parser: SseParser } {
  const events: string[] = [];
  const parser = new SseParser((data) => events.push(data));
  for (const piece of pieces) parser.feed(Buffer.from(piece as string));
  return { events, parser };
}

describe('an event stream', () => {
  it.each([
    ['a plain event', 'data: a\n\n', ['a']],
    ['no space after the colon', 'data:a\n\n', ['a']],
    ['only the first space is taken off', 'data:  a\n\n', [' a']],
    ['several data lines', 'data: a\ndata\ndata: b\n\n', ['a\n\nb']],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['CR', 'data: a\r\rdata: b\r\r', ['a', 'b']],
    ['a byte order mark', '\ufeffdata: a\n\n', ['a']],
    ['comments and unknown fields', ': hi\nevent: message\nfuture: 1\ndata: a\n\n', ['a']],
    ['an event without data', 'id: 1\n\nevent: x\n\n', []],
    ['an event that is cut off', 'data: a\n', []],
  ])('is read: %s', (_what, text, expected) => {
    expect(parse([text]).events).toEqual(expected);
    // The same, byte by byte: where the network cuts must not matter, not even inside a character.
    const bytes = Buffer.from(text);
    expect(parse(Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1))).events).toEqual(expected);
  });

  it('keeps characters of several bytes whole over cuts', () => {
    const bytes = Buffer.from('data: žluťoučký 🐎\n\n');
    expect(parse([bytes.subarray(0, 7), bytes.subarray(7, 24), bytes.subarray(24)]).events).toEqual(['žluťoučký 🐎']);
  });

  it('counts an id only when its event is complete, and reads the pause it is told', () => {
    const { parser } = parse(['id: 1\nretry: 120\ndata: a\n\nid: 2\ndata: b\n']);
    expect([parser.lastEventId, parser.retry_ms]).toEqual(['1', 120]);
    const odd = parse(['id: a\0b\nretry: soon\ndata: a\n\n']).parser;
    expect([odd.lastEventId, odd.retry_ms]).toEqual([undefined, undefined]);
  });

  it('says how much it holds, so that the reader can give up', () => {
    expect(parse(['data: 12345\n', 'data: 678']).parser.pending).toBe(5 + 'data: 678'.length);
  });
});
