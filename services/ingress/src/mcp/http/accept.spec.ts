import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { FakeResponse } from '../../../test/support/fakes.js';
import { acceptHead, acceptPost, acceptRevision, BodyBudget, parseBody, receiveBody, type AcceptLimits } from './accept.js';

const limits: AcceptLimits = { bodyBytes: 100, json: { depth: 4, members: 10 }, hosts: undefined, origins: new Set(['https://console.example']), loopback: true };

function request(headers: Record<string, string>): IncomingMessage {
  return { headers: { host: 'localhost:8400', ...headers } } as unknown as IncomingMessage;
}

function rejection(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the head of a request', () => {
  it.each([
    ['on loopback, a loopback name', { host: 'localhost:8400' }, limits, undefined],
    ['on loopback, another name (DNS rebinding)', { host: 'evil.example:8400' }, limits, 'host-refused'],
    ['on loopback, no readable name', { host: 'a b' }, limits, 'host-refused'],
    ['elsewhere, any name', { host: 'gateway.example' }, { ...limits, loopback: false }, undefined],
    ['elsewhere, a listed name', { host: 'gateway.example:443' }, { ...limits, loopback: false, hosts: new Set(['gateway.example']) }, undefined],
    ['elsewhere, a name that is not listed', { host: 'other.example' }, { ...limits, loopback: false, hosts: new Set(['gateway.example']) }, 'host-refused'],
    ['no page', {}, limits, undefined],
    ['a page of this machine, on loopback', { origin: 'http://localhost:6274' }, limits, undefined],
    ['a page of this machine, elsewhere', { host: 'g.example', origin: 'http://localhost:6274' }, { ...limits, loopback: false }, 'origin-refused'],
    ['a listed page', { origin: 'https://CONSOLE.example' }, limits, undefined],
    ['a listed page under another port', { origin: 'https://console.example:444' }, limits, 'origin-refused'],
    ['a strange page', { origin: 'https://evil.example' }, limits, 'origin-refused'],
    ['a page without an origin', { origin: 'null' }, limits, 'origin-refused'],
  ] as [string, Record<string, string>, AcceptLimits, string | undefined][])('%s', (_, headers, within, rule) => {
    expect((rejection(() => acceptHead(request(headers), within)) as { rule?: string } | undefined)?.rule).toBe(rule);
  });
});

describe('the revision of a request that says none in its body', () => {
  it.each([
    [undefined, undefined],
    ['2025-11-25', undefined],
    ['1999-01-01', 'unsupported-version'],
    ['2026-07-28', 'unsupported-version'],
  ])('%s', (revision, rule) => {
    const headers: Record<string, string> = revision === undefined ? {} : { 'mcp-protocol-version': revision };
    expect((rejection(() => acceptRevision(request(headers))) as { rule?: string } | undefined)?.rule).toBe(rule);
  });
});

describe('what a POST says about itself', () => {
  it.each([
    ['all is well', {}, undefined],
    ['another type', { 'content-type': 'text/plain' }, [415, 'unsupported-media-type']],
    ['a compressed body', { 'content-encoding': 'gzip' }, [415, 'unsupported-media-type']],
    ['an explicit identity', { 'content-encoding': 'identity' }, undefined],
    ['nothing we could answer with', { accept: 'text/html' }, [406, 'not-acceptable']],
    ['too long', { 'content-length': '101' }, [413, 'body-too-large']],
    ['as long as permitted', { 'content-length': '100' }, undefined],
  ] as [string, Record<string, string>, [number, string] | undefined][])('%s', (_, headers, expected) => {
    const error = rejection(() => acceptPost(request({ 'content-type': 'application/json', ...headers }), limits)) as { status: number; rule: string } | undefined;
    expect(error && [error.status, error.rule]).toEqual(expected);
  });
});

describe('the body', () => {
  const receive = (request: IncomingMessage, budget = new BodyBudget(1_000)): Promise<Buffer> => receiveBody(request, new FakeResponse().asResponse, limits, budget);
  const body = (...chunks: string[]): IncomingMessage => Readable.from(chunks.map((chunk) => Buffer.from(chunk))) as unknown as IncomingMessage;

  it('is what arrived, in one piece or several', async () => {
    expect((await receive(body('abc'))).toString()).toBe('abc');
    expect((await receive(body('abc', 'def'))).toString()).toBe('abcdef');
    expect((await receive(body())).length).toBe(0);
  });

  it('is refused as soon as it is longer than permitted, whatever it announced', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(64));
      },
    });
    await expect(receive(endless as unknown as IncomingMessage)).rejects.toMatchObject({ status: 413, rule: 'body-too-large', headers: { connection: 'close' } });
  });

  it('is refused when all bodies together are too large, and taken again when others are done', async () => {
    const budget = new BodyBudget(10);
    const response = new FakeResponse();
    await receiveBody(body('12345678'), response.asResponse, limits, budget);
    await expect(receive(body('123'), budget)).rejects.toMatchObject({ status: 503, rule: 'too-many-calls' });
    response.break();
    expect((await receive(body('123'), budget)).toString()).toBe('123');
  });

  it('is refused when its sender went away before anybody read it', async () => {
    const gone = new Readable({ read() {} });
    gone.destroy();
    await expect(receive(gone as unknown as IncomingMessage)).rejects.toMatchObject({ rule: 'body-incomplete' });
  });

  it('is refused when its sender breaks off', async () => {
    const broken = new Readable({
      read() {
        this.destroy(new Error('aborted'));
      },
    });
    await expect(receive(broken as unknown as IncomingMessage)).rejects.toMatchObject({ rule: 'body-incomplete' });
  });

  it.each([
    ['{"a":[1,2]}', undefined],
    ['', 'parse-error'],
    ['{', 'parse-error'],
    ['{"a":1}x', 'parse-error'],
    ["{'a':1}", 'parse-error'],
    ['NaN', 'parse-error'],
    ['\uFEFF{}', 'parse-error'],
    ['[[[[[1]]]]]', 'json-too-deep'],
    ['[1,2,3,4,5,6,7,8,9,10,11]', 'json-too-many-keys'],
  ])('%j: %s', (text, rule) => {
    expect((rejection(() => parseBody(Buffer.from(text), limits)) as { rule?: string } | undefined)?.rule).toBe(rule);
  });

  it('must be UTF-8', () => {
    expect(rejection(() => parseBody(Buffer.from([0x22, 0xff, 0x22]), limits))).toMatchObject({ rule: 'parse-error', message: 'the body is not UTF-8' });
  });
});
