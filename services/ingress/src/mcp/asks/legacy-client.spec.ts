import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { UpstreamAnswer } from '@customhouse/upstream/upstream';
import { FakeResponse, session } from '../../../test/support/fakes.js';
import type { Page } from '../sessions/client-side.js';
import type { Session } from '../sessions/sessions.js';
import { ClientAsks } from './client-asks.js';
import { Exchange } from '../http/exchange.js';
import { LegacyClient, type Aside } from './legacy-client.js';

function connected(
  accepts = { json: true, stream: true, streamFirst: false },
  aside: Aside = () => false,
  of: Partial<Session> = {},
): { client: LegacyClient; response: FakeResponse; asks: ClientAsks; exchange: Exchange } {
  const response = new FakeResponse();
  const exchange = new Exchange({} as IncomingMessage, response.asResponse, accepts, 0);
  const asks = new ClientAsks(randomBytes(32), undefined);
  return { client: new LegacyClient('01JCALL', { ...session, capabilities: { sampling: {} }, ...of }, exchange, asks, aside), response, asks, exchange };
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

describe('a legacy client whose user is to visit a page', () => {
  const asking = { capabilities: { elicitation: { url: {} } } };
  const page = (): Page & { readonly onSaid: jest.Mock } => ({
    url: 'https://pages.example/1',
    message: 'Please look.',
    approval: 'A',
    until: 7,
    onSaid: jest.fn(),
    onHandedOut: jest.fn(),
  });

  it.each(['accept', 'decline', 'cancel'])('is asked, and says %s', async (action) => {
    const { client, response, asks } = connected(undefined, undefined, asking);
    const visited = page();
    expect(client.visit(visited)).toEqual({ over: expect.any(Function) });
    const asked = response.messages[0]!;
    const params = { mode: 'url', message: 'Please look.', url: 'https://pages.example/1', elicitationId: expect.any(String) };
    expect(asked).toEqual({ jsonrpc: '2.0', id: expect.any(String), method: 'elicitation/create', params });
    listenerOf(asks, asked).onAnswer({ result: { action } });
    await Promise.resolve();
    expect(visited.onSaid.mock.calls).toEqual([[action]]);
  });

  it.each<UpstreamAnswer>([{ result: { action: 'approve' } }, { result: {} }, { error: { code: -32600, message: 'no' } }])('says nothing by the answer %j', async (answer) => {
    const { client, response, asks } = connected(undefined, undefined, asking);
    const visited = page();
    client.visit(visited);
    listenerOf(asks, response.messages[0]!).onAnswer(answer);
    await Promise.resolve();
    expect(visited.onSaid).not.toHaveBeenCalled();
  });

  it('is told when it was decided, and need not answer any more', async () => {
    const { client, response, asks } = connected(undefined, undefined, asking);
    const visit = client.visit(page())!;
    const { id, params } = response.messages[0] as { id: string; params: JsonObject };
    visit.over();
    expect(response.messages.slice(1)).toMatchObject([
      { method: 'notifications/cancelled', params: { requestId: id } },
      { method: 'notifications/elicitation/complete', params: { elicitationId: params['elicitationId'] } },
    ]);
    await Promise.resolve();
    expect(asks.size).toBe(0);
  });

  it('is told so on its standing stream when its call has been answered', async () => {
    const aside: JsonObject[] = [];
    const { client, response, asks, exchange } = connected(undefined, (_, message) => aside.push(message) > 0, asking);
    const visit = client.visit(page())!;
    listenerOf(asks, response.messages[0]!).onAnswer({ result: { action: 'accept' } });
    await Promise.resolve();
    exchange.answer('{}');
    visit.over();
    expect(aside.map(({ method }) => method)).toEqual(['notifications/elicitation/complete']);
  });

  it('is told nothing where it could not be asked', async () => {
    const aside: JsonObject[] = [];
    const { client, exchange } = connected(undefined, (_, message) => aside.push(message) < 0, asking);
    exchange.answer('{}');
    const visit = client.visit(page())!;
    await Promise.resolve();
    visit.over();
    expect(aside.map(({ method }) => method)).toEqual(['elicitation/create']);
  });

  it.each<[string, Partial<Session>]>([
    ['declares nothing', { capabilities: {} }],
    ['knows forms only', { capabilities: { elicitation: {} } }],
    ['speaks a revision that knows forms only', { ...asking, protocol: '2025-06-18' }],
  ])('is not asked where it %s', (_, of) => {
    const { client, response } = connected(undefined, undefined, of);
    expect(client.visit(page())).toBeUndefined();
    expect(response.messages).toEqual([]);
  });
});
