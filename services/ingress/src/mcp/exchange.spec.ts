import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { Accepts } from '@customhouse/mcp-wire/headers';
import { FakeResponse } from '../../test/support/fakes.js';
import { Exchange } from './exchange.js';

function exchange(accepts: Partial<Accepts> = {}): { exchange: Exchange; response: FakeResponse } {
  const response = new FakeResponse();
  return { exchange: new Exchange({} as IncomingMessage, response.asResponse, { json: true, stream: true, streamFirst: false, ...accepts }, 0), response };
}
const text = (id: number): string => JSON.stringify({ id });

describe('answering a request', () => {
  it('is one JSON body when nothing has to be said before', () => {
    const { exchange: one, response } = exchange();
    one.answer(text(1));
    expect([response.statusCode, response.headers.get('content-type'), response.written]).toEqual([200, 'application/json', ['{"id":1}']]);
  });

  it('is worded by its era, and has the status that the era gives it when it is all of the answer', () => {
    const { exchange: one, response } = exchange();
    one.dialect = { word: (id, reply) => ({ text: JSON.stringify({ id, ...reply }), status: 404 }) };
    one.reply(7, { result: { a: 1 } });
    expect([response.statusCode, response.written]).toEqual([404, ['{"id":7,"result":{"a":1}}']]);
  });

  it('is nothing when there is nobody to tell', () => {
    const { exchange: one, response } = exchange({ json: true, stream: false });
    one.reply(1, undefined);
    expect([response.statusCode, response.written]).toEqual([202, []]);
  });

  it('is a stream once a notification went before it', () => {
    const { exchange: one, response } = exchange();
    one.notify(text(7), 0);
    one.answer(text(1));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.messages).toEqual([{ id: 7 }, { id: 1 }]);
    expect(response.writableFinished).toBe(true);
  });

  it('is JSON without the notifications for a client that takes no stream', () => {
    const { exchange: one, response } = exchange({ json: true, stream: false });
    one.notify(text(7), 0);
    one.keepAlive(100_000, 10);
    one.answer(text(1));
    expect(response.written).toEqual(['{"id":1}']);
  });

  it('is a stream of one for a client that takes no JSON', () => {
    const { exchange: one, response } = exchange({ json: false, stream: true });
    one.answer(text(1));
    expect(response.written.join('')).toBe('event: message\ndata: {"id":1}\n\n');
  });

  it('is a stream for a client that names the stream first, but not where the status says more', () => {
    const { exchange: one, response } = exchange({ streamFirst: true });
    one.answer(text(1));
    expect([response.headers.get('content-type'), response.messages]).toEqual(['text/event-stream', [{ id: 1 }]]);
    const { exchange: other, response: refused } = exchange({ streamFirst: true });
    other.answer(text(1), 404);
    expect([refused.statusCode, refused.written]).toEqual([404, ['{"id":1}']]);
  });

  it('holds the answers of a batch back until all are there', () => {
    const { exchange: one, response } = exchange();
    one.expectBatch(2);
    one.answer(text(1));
    expect(response.written).toEqual([]);
    one.answer(text(2));
    expect(response.written).toEqual(['[{"id":1},{"id":2}]']);
  });

  it('streams the answers of a batch, those it held back included, once it is a stream', () => {
    const { exchange: one, response } = exchange();
    one.expectBatch(2);
    one.answer(text(1));
    one.stream();
    one.answer(text(2));
    expect(response.messages).toEqual([{ id: 1 }, { id: 2 }]);
    expect(response.writableFinished).toBe(true);
  });

  it('ends without a message when the only request was cancelled', () => {
    const { exchange: one, response } = exchange();
    one.forget();
    expect([response.statusCode, response.headers.get('content-type'), response.messages, response.writableFinished]).toEqual([200, 'text/event-stream', [], true]);
    const { exchange: other, response: plain } = exchange({ json: true, stream: false });
    other.forget();
    expect([plain.statusCode, plain.written]).toEqual([202, []]);
  });

  it('gives the rest of a batch when one of its requests was cancelled', () => {
    const { exchange: one, response } = exchange();
    one.expectBatch(2);
    one.answer(text(1));
    one.forget();
    expect(response.written).toEqual(['[{"id":1}]']);
  });

  it('happens once', () => {
    const { exchange: one, response } = exchange();
    one.answer(text(1));
    one.answer(text(1));
    one.notify(text(7), 0);
    one.endWith(500, text(9));
    expect(response.written).toEqual(['{"id":1}']);
  });

  it('shows signs of life after a silence, and not more often', () => {
    const { exchange: one, response } = exchange();
    one.keepAlive(9, 10);
    one.keepAlive(10, 10);
    one.keepAlive(15, 10);
    one.keepAlive(20, 10);
    expect(response.written).toEqual([': waiting\n\n', ': waiting\n\n']);
  });

  it('leaves notifications out that the client does not read fast enough', () => {
    const { exchange: one, response } = exchange();
    one.stream();
    response.writableLength = 2_000_000;
    one.notify(text(7), 0);
    expect(response.written).toEqual([]);
  });

  it('tells whoever watches when the client goes away, once, and not when all was answered', () => {
    const { exchange: one, response } = exchange();
    let told = 0;
    one.watch({ clientGone: () => (told += 1) });
    response.break();
    response.break();
    expect([told, one.gone]).toEqual([1, true]);
    one.watch({ clientGone: () => (told += 10) });
    expect(told).toBe(11);
    const { exchange: other } = exchange();
    other.watch({ clientGone: () => (told += 100) });
    other.answer(text(1));
    expect(told).toBe(11);
  });

  it('says when the answer has left, and never when the client went away before', () => {
    const { exchange: one } = exchange();
    let delivered = 0;
    one.onDelivered(() => (delivered += 1));
    one.answer(text(1));
    one.onDelivered(() => (delivered += 1));
    expect(delivered).toBe(2);
    const { exchange: other, response } = exchange();
    other.onDelivered(() => (delivered += 10));
    response.break();
    other.answer(text(1));
    expect(delivered).toBe(2);
  });
});
