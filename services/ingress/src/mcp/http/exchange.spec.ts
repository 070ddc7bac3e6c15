import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { Accepts } from '@customhouse/mcp-wire/headers';
import { FakeResponse } from '../../../test/support/fakes.js';
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

describe('what has to arrive before the answer', () => {
  it('is sent on the stream', () => {
    const { exchange: one, response } = exchange();
    expect(one.deliver(text(7), 0)).toBe(true);
    one.answer(text(1));
    expect(response.messages).toEqual([{ id: 7 }, { id: 1 }]);
  });

  it('is said not to have been sent when the client takes no stream, does not read, is gone or has its answer', () => {
    const { exchange: noStream } = exchange({ json: true, stream: false });
    const { exchange: unread, response } = exchange();
    response.writableLength = 2_000_000;
    const { exchange: gone, response: broken } = exchange();
    broken.break();
    const { exchange: answered } = exchange();
    answered.answer(text(1));
    expect([noStream, unread, gone, answered].map((one) => one.deliver(text(7), 0))).toEqual([false, false, false, false]);
  });
});

describe('the events of a stream', () => {
  const withIds = (primes: boolean): ReturnType<typeof exchange> => {
    const made = exchange();
    let count = 0;
    made.exchange.identify(() => `e${(count += 1)}`, primes);
    return made;
  };

  it('have ids, once there are any', () => {
    const { exchange: one, response } = exchange();
    let id: string | undefined;
    one.identify(() => id, false);
    one.notify(text(7), 0);
    id = 'e1';
    one.answer(text(1));
    expect(response.written).toEqual(['event: message\ndata: {"id":7}\n\n', 'event: message\nid: e1\ndata: {"id":1}\n\n']);
  });

  it('begin with an id alone for a client that knows what that is', () => {
    const { exchange: one, response } = withIds(true);
    one.keepAlive(100_000, 10);
    one.answer(text(1));
    expect(response.written[0]).toMatch(/^id: e1\n(?:retry: \d+\n)?data: \n\n$/);
    expect(response.written.at(-1)).toContain('id: e2\n');
    const { exchange: other, response: older } = withIds(false);
    other.notify(text(7), 0);
    expect(older.written[0]).toMatch(/^event: message\nid: e1\n/);
  });

  it('end before the answer when the client may come back for it, and only then', () => {
    const { exchange: one, response } = withIds(true);
    one.pause();
    expect(response.written.join('')).toMatch(/id: e\d+\nretry: \d+\ndata: \n\n$/);
    expect(response.writableFinished).toBe(true);
    one.answer(text(1));
    expect(response.written.join('')).not.toContain('{"id":1}');
    const { exchange: older, response: open } = withIds(false);
    older.pause();
    older.answer(text(1));
    expect(open.written).toEqual(['{"id":1}']);
  });

  it('have none to come back for when the request was cancelled', () => {
    const { exchange: one, response } = withIds(true);
    one.forget();
    expect(response.written).toEqual([]);
  });
});

describe('an exchange that somebody else answers', () => {
  it('writes nothing any more', () => {
    const { exchange: one, response } = exchange();
    expect(one.handOver()).toBe(response.asResponse);
    one.keepAlive(100_000, 10);
    one.notify(text(7), 0);
    one.answer(text(1));
    expect([response.written, response.headersSent]).toEqual([[], false]);
  });
});
