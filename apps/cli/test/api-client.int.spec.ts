import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { notFound, problemBody } from '@customhouse/http-contract/problem';
import { defineRoute } from '@customhouse/http-contract/route';
import { z } from 'zod';
import { ApiClient } from '../src/api-client.js';
import { CliProblem } from '../src/problem.js';

const show = defineRoute({
  method: 'GET',
  path: '/v1/things/:thing',
  summary: 'Show.',
  roles: [],
  params: z.strictObject({ thing: z.string() }),
  response: z.strictObject({ name: z.string() }),
  errors: [notFound],
});
const change = defineRoute({
  method: 'PUT',
  path: '/v1/things/:thing',
  summary: 'Change.',
  roles: [],
  params: z.strictObject({ thing: z.string() }),
  query: z.strictObject({ tag: z.array(z.string()).optional(), dry: z.coerce.boolean().default(false) }),
  body: z.strictObject({ name: z.string() }),
  errors: [],
});
const lines = defineRoute({ method: 'GET', path: '/v1/export', summary: 'Export.', roles: [], response: { media: 'application/jsonl', of: z.unknown() }, errors: [] });

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function client(listener: RequestListener, options: { timeout_ms?: number; signal?: AbortSignal } = {}): Promise<ApiClient> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new ApiClient({ service: 'audit', url, key: 'chk_secret', timeout_ms: options.timeout_ms ?? 5_000, signal: options.signal ?? new AbortController().signal });
}

async function failure(promise: Promise<unknown>): Promise<CliProblem> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CliProblem);
  return error as CliProblem;
}

const params = { thing: 'a' };
const json =
  (status: number, body: unknown): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

describe('a request to the control API', () => {
  it('carries the key, the path, the query and the body, and answers the document', async () => {
    const seen: unknown[] = [];
    const api = await client((request, response) => {
      let text = '';
      request
        .on('data', (chunk) => (text += chunk))
        .on('end', () => {
          seen.push([request.method, request.url, request.headers.authorization, text]);
          response.writeHead(request.method === 'PUT' ? 204 : 200, { 'content-type': 'application/json' }).end(request.method === 'PUT' ? undefined : '{"name":"x"}');
        });
    });
    expect(await api.request(show, { params: { thing: 'a/../b' } })).toEqual({ name: 'x' });
    expect(await api.request(change, { params, query: { tag: ['one', 'two'], dry: true }, body: { name: 'y' } })).toBeUndefined();
    expect(seen).toEqual([
      ['GET', '/v1/things/a%2F..%2Fb', 'Bearer chk_secret', ''],
      ['PUT', '/v1/things/a?tag=one&tag=two&dry=true', 'Bearer chk_secret', '{"name":"y"}'],
    ]);
  });

  it.each([
    [401, 'forbidden'],
    [403, 'forbidden'],
    [400, 'usage'],
    [422, 'usage'],
    [404, 'failed'],
    [409, 'failed'],
    [500, 'failed'],
    [503, 'unreachable'],
  ] as const)('that is answered %d ends as %s, in the words of the gateway', async (status, exit) => {
    const api = await client(json(status, { ...problemBody({ ...notFound, status }, 'no such thing as a', [{ pointer: '/name', message: 'too short' }]) }));
    const problem = await failure(api.request(show, { params }));
    expect(problem).toMatchObject({ exit, message: 'no such thing as a', more: { code: 'not-found', details: ['/name: too short'] } });
  });

  it('takes an answer with more in it than is known here, and no answer of another kind', async () => {
    expect(await (await client(json(200, { name: 'x', color: 'red' }))).request(show, { params })).toEqual({ name: 'x', color: 'red' });
    expect((await failure((await client(json(200, { title: 'x' }))).request(show, { params }))).message).toContain('in a form that is not known here (name:');
  });

  it('does not take a web page for an answer', async () => {
    const page: RequestListener = (_request, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    expect(await failure((await client(page)).request(show, { params }))).toMatchObject({ exit: 'unreachable', message: expect.stringContaining('did not answer JSON') });
    const notFoundPage: RequestListener = (_request, response) => void response.writeHead(404).end('<html>');
    expect((await failure((await client(notFoundPage)).request(show, { params }))).message).toContain('answered 404 to GET /v1/things/:thing, and not as Customhouse does');
  });

  it('does not follow a redirect, which would take the key elsewhere', async () => {
    let elsewhere = 0;
    const api = await client((request, response) => {
      if (request.url === '/elsewhere') elsewhere += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect((await failure(api.request(show, { params }))).exit).toBe('unreachable');
    expect(elsewhere).toBe(0);
  });

  it('has an end when no answer comes, or when it comes to a halt', async () => {
    const silent = await client(() => undefined, { timeout_ms: 100 });
    expect(await failure(silent.request(show, { params }))).toMatchObject({ exit: 'unreachable', message: expect.stringContaining('did not answer within 0.1 s') });
    const halting = await client((_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"na'), { timeout_ms: 100 });
    expect(await failure(halting.request(show, { params }))).toMatchObject({ exit: 'unreachable', message: expect.stringContaining('did not answer within 0.1 s') });
  });

  it('says that nothing listens there', async () => {
    const api = await client(() => undefined);
    const [server] = servers.splice(0);
    await once(server!.close(), 'close');
    expect(await failure(api.request(show, { params }))).toMatchObject({ exit: 'unreachable', message: expect.stringContaining('nothing listens there') });
  });

  it('ends when it is interrupted', async () => {
    const interrupt = new AbortController();
    const api = await client(() => interrupt.abort(), { signal: interrupt.signal });
    expect((await failure(api.request(show, { params }))).exit).toBe('interrupted');
  });
});

async function all(stream: AsyncIterable<string>): Promise<string[]> {
  const items: string[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('a stream of the control API', () => {
  it('gives whole lines, however they are cut on the way', async () => {
    const answer = async (response: ServerResponse): Promise<void> => {
      response.writeHead(200, { 'content-type': 'application/jsonl' });
      for (const part of [Buffer.from('{"a":"'), Buffer.from([0xc3]), Buffer.from([0xa9]), Buffer.from('"}\n{"b"'), Buffer.from(':2}\n\n{"c":3}')]) {
        response.write(part);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      response.end();
    };
    const api = await client((_request, response) => void answer(response));
    expect(await all(api.stream(lines))).toEqual(['{"a":"é"}', '{"b":2}', '{"c":3}']);
  });

  it('gives the data of server-sent events, and nothing else of them', async () => {
    const api = await client(
      (_request, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': hello\n\nid: 7\nevent: x\ndata: {"a":1}\n\ndata:{"b":2}\n\n'),
    );
    expect(await all(api.stream(lines))).toEqual(['{"a":1}', '{"b":2}']);
  });

  it('that breaks off is an error, not a short answer', async () => {
    const api = await client((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/jsonl' }).write('{"a":1}\n');
      setTimeout(() => response.destroy(), 20);
    });
    expect(await failure(all(api.stream(lines)))).toMatchObject({ exit: 'unreachable', message: expect.stringContaining('broke off in the middle') });
  });

  it('has a deadline for its beginning only', async () => {
    const slow = await client(
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/jsonl' }).write('{"a":1}\n');
        setTimeout(() => response.end('{"b":2}\n'), 250);
      },
      { timeout_ms: 100 },
    );
    expect(await all(slow.stream(lines))).toHaveLength(2);
    const silent = await client(() => undefined, { timeout_ms: 100 });
    expect((await failure(all(silent.stream(lines)))).message).toContain('did not answer within 0.1 s');
  });
});
