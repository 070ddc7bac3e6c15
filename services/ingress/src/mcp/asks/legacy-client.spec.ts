import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { FakeResponse, session } from '../../../test/support/fakes.js';
import { ClientAsks } from './client-asks.js';
import { Exchange } from '../http/exchange.js';
import { LegacyClient, type Aside } from './legacy-client.js';

function connected(
  accepts = { json: true, stream: true, streamFirst: false },
  aside: Aside = () => false,
): { client: LegacyClient; response: FakeResponse; asks: ClientAsks; exchange: Exchange } {
  const response = new FakeResponse();
  const exchange = new Exchange({} as IncomingMessage, response.asResponse, accepts, 0);
  const asks = new ClientAsks(randomBytes(32), undefined);
  return { client: new LegacyClient('01JCALL', { ...session, capabilities: { sampling: {} } }, exchange, asks, aside), response, asks, exchange };
}

const never = new AbortController().signal;

function listenerOf(asks: ClientAsks, asked: JsonObject) {
  const place = asks.place(asked['id'] as string, session);
  if (place.at !== 'here') throw new Error(`the request is ${place.at}`);
  return place.listener;
}

describe('a legacy client', () => {
  it('is asked on the stream of its call, and its answer is what was asked for', async () => {
    const { client, response, asks } = connected();
    const answer = client.ask('sampling/createMessage', { messages: [], unknown: 1 }, never);
    const asked = response.messages[0]!;
    expect(asked).toEqual({ jsonrpc: '2.0', id: expect.any(String), method: 'sampling/createMessage', params: { messages: [], unknown: 1 } });
    listenerOf(asks, asked).onAnswer({ result: { model: 'm' } });
    expect(await answer).toEqual({ result: { model: 'm' } });
    expect(asks.size).toBe(0);
  });

  it('is asked with a token of this hop where the server wants progress, and tells it under that', async () => {
    const { client, response, asks } = connected();
    const progress: JsonObject[] = [];
    const answer = client.ask('sampling/createMessage', { _meta: { progressToken: 7, other: 'kept' } }, never, (params) => progress.push(params));
    const asked = response.messages[0]!;
    expect(asked['params']).toEqual({ _meta: { progressToken: asked['id'], other: 'kept' } });
    listenerOf(asks, asked).onProgress({ progress: 0.5 });
    expect(progress).toEqual([{ progress: 0.5 }]);
    listenerOf(asks, asked).onAnswer({ result: {} });
    await answer;
  });

  it.each([
    ['is no longer needed', (abort: AbortController) => abort.abort(), 'cancelled'],
    ['took too long', (abort: AbortController) => abort.abort(new DOMException('late', 'TimeoutError')), 'timeout'],
  ] as const)('is told when its answer %s', async (words, end, reason) => {
    const { client, response, asks } = connected();
    const abort = new AbortController();
    const answer = client.ask('roots/list', {}, abort.signal);
    end(abort);
    await expect(answer).rejects.toMatchObject({ reason, sent: 'maybe' });
    expect(response.messages[1]).toMatchObject({ method: 'notifications/cancelled', params: { requestId: response.messages[0]!['id'], reason: expect.stringContaining(words) } });
    expect(asks.size).toBe(0);
  });

  it.each([
    ['takes no stream', () => connected({ json: true, stream: false, streamFirst: false })],
    [
      'is gone',
      () => {
        const made = connected();
        made.response.break();
        return made;
      },
    ],
    [
      'does not read',
      () => {
        const made = connected();
        made.response.writableLength = 2_000_000;
        return made;
      },
    ],
    [
      'has its answer already',
      () => {
        const made = connected();
        made.exchange.answer('{}');
        return made;
      },
    ],
  ] as const)('that %s is certainly not asked', async (_, connect) => {
    const { client, asks } = connect();
    await expect(client.ask('roots/list', {}, never)).rejects.toMatchObject({ reason: 'closed', sent: 'no' });
    expect(asks.size).toBe(0);
  });

  it('that has its answer already is asked on its standing stream', async () => {
    const aside: [string, JsonObject][] = [];
    const { client, exchange, asks } = connected(undefined, (...what) => aside.push(what) > 0);
    exchange.answer('{}');
    const abort = new AbortController();
    const answer = client.ask('roots/list', {}, abort.signal);
    expect(aside).toEqual([[session.id, { jsonrpc: '2.0', id: expect.any(String), method: 'roots/list', params: {} }]]);
    listenerOf(asks, aside[0]![1]).onAnswer({ result: { roots: [] } });
    expect(await answer).toEqual({ result: { roots: [] } });
    const second = client.ask('roots/list', {}, abort.signal);
    abort.abort();
    await expect(second).rejects.toMatchObject({ reason: 'cancelled', sent: 'maybe' });
    expect(aside[2]![1]).toMatchObject({ method: 'notifications/cancelled', params: { requestId: aside[1]![1]['id'] } });
  });

  it('is not asked what nobody wants to know any more', async () => {
    const { client, response } = connected();
    await expect(client.ask('roots/list', {}, AbortSignal.abort())).rejects.toMatchObject({ reason: 'cancelled', sent: 'no' });
    expect(response.messages).toEqual([]);
  });

  it('is told things on the same stream', () => {
    const { client, response } = connected();
    client.notify('notifications/message', { level: 'info', data: 1 });
    client.notify('notifications/future', undefined);
    expect(response.messages).toEqual([
      { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 1 } },
      { jsonrpc: '2.0', method: 'notifications/future' },
    ]);
  });
});
