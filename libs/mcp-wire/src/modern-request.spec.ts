import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from './json-rpc.js';
import { envelope as keys } from './envelope.js';
import { envelopeOf, isModern, isObjection, type RequestHeaders } from './modern-request.js';

const toBase64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const modern = '2026-07-28';
const meta = { [keys.protocolVersion]: modern, [keys.clientCapabilities]: {} };
const request = (method: string, params: JsonObject = { _meta: meta }): JsonObject => ({ jsonrpc: '2.0', id: 1, method, params });
const saying = (headers: Partial<RequestHeaders>): RequestHeaders => ({ protocol: modern, method: 'tools/list', name: undefined, ...headers });

describe('the era of a body', () => {
  it.each<[string, unknown, string | undefined]>([
    ['a request with an envelope', request('tools/list'), undefined],
    ['an envelope of a revision that nobody knows', request('tools/list', { _meta: { [keys.protocolVersion]: 'v999' } }), 'v999'],
    ['a malformed envelope', request('tools/list', { _meta: { [keys.protocolVersion]: 7 } }), undefined],
    ['a request without an envelope under a modern header', request('tools/list', {}), ` ${modern} `],
    ['a notification under a modern header', { jsonrpc: '2.0', method: 'notifications/x' }, modern],
    ['initialize with a modern envelope', request('initialize'), undefined],
    ['a batch with a modern request in it', [request('tools/list')], undefined],
  ])('is modern for %s', (_what, body, header) => {
    expect(isModern(body, header)).toBe(true);
  });

  it.each<[string, unknown, string | undefined]>([
    ['a request without an envelope', request('tools/list', {}), undefined],
    ['a request under a legacy header', request('tools/list', { _meta: { progressToken: 1 } }), '2025-11-25'],
    ['initialize', request('initialize', { protocolVersion: '2025-11-25' }), undefined],
    ['an answer', { jsonrpc: '2.0', id: 1, result: {} }, undefined],
    ['a legacy batch', [request('tools/list', {})], '2025-03-26'],
    ['something that is no object', null, undefined],
  ])('is legacy for %s', (_what, body, header) => {
    expect(isModern(body, header)).toBe(false);
  });
});

describe('the envelope of a request', () => {
  it('says who the client is and what it can do', () => {
    const said = { ...meta, [keys.clientInfo]: { name: 'n', version: '1', title: 'T' }, [keys.clientCapabilities]: { sampling: {} }, [keys.logLevel]: 'info' };
    expect(envelopeOf(request('tools/list', { _meta: said }), saying({}), toBase64)).toEqual({
      client: { name: 'n', version: '1' },
      capabilities: { sampling: {} },
      logLevel: 'info',
    });
  });

  it('need not name the client', () => {
    expect(envelopeOf(request('tools/list'), saying({}), toBase64)).toEqual({ client: null, capabilities: {}, logLevel: undefined });
  });

  it.each<[string, JsonObject]>([
    ['no _meta', {}],
    ['no revision', { _meta: { [keys.clientCapabilities]: {} } }],
    ['no capabilities', { _meta: { [keys.protocolVersion]: modern } }],
    ['capabilities that are a list', { _meta: { ...meta, [keys.clientCapabilities]: [] } }],
    ['a client without a version', { _meta: { ...meta, [keys.clientInfo]: { name: 'n' } } }],
    ['a log level that is no text', { _meta: { ...meta, [keys.logLevel]: 3 } }],
  ])('with %s is refused as invalid params', (_what, params) => {
    expect(envelopeOf(request('tools/list', params), saying({}), toBase64)).toMatchObject({ rule: 'invalid-params' });
  });

  it('of another revision is answered with those that are spoken, when the header agrees', () => {
    const other = request('tools/list', { _meta: { ...meta, [keys.protocolVersion]: 'v999.0.0' } });
    expect(envelopeOf(other, saying({ protocol: 'v999.0.0' }), toBase64)).toMatchObject({
      rule: 'unsupported-version',
      data: { supported: [modern], requested: 'v999.0.0' },
    });
    expect(envelopeOf(other, saying({}), toBase64)).toMatchObject({ rule: 'header-mismatch' });
  });
});

describe('headers that must say what the body says', () => {
  const call = request('tools/call', { name: 'echo', _meta: meta });
  const read = request('resources/read', { uri: 'file:///ü', _meta: meta });
  const get = request('tasks/get', { taskId: 't', _meta: meta });

  it.each<[JsonObject, Partial<RequestHeaders>]>([
    [call, { method: 'tools/call', name: '  echo ' }],
    [read, { method: 'resources/read', name: '=?base64?ZmlsZTovLy/DvA==?=' }],
    [get, { method: 'tasks/get', name: 't' }],
    [request('tools/list'), { name: 'ignored' }],
    [request('tools/call'), { method: 'tools/call' }],
  ])('agree: %j %j', (message, headers) => {
    expect(isObjection(envelopeOf(message, saying(headers), toBase64))).toBe(false);
  });

  it.each<[JsonObject, Partial<RequestHeaders>, string]>([
    [request('tools/list'), { protocol: undefined }, 'MCP-Protocol-Version'],
    [request('tools/list'), { protocol: '2025-11-25' }, 'MCP-Protocol-Version'],
    [request('tools/list'), { method: undefined }, 'Mcp-Method'],
    [request('tools/list'), { method: 'TOOLS/LIST' }, 'Mcp-Method'],
    [call, { method: 'tools/call' }, 'Mcp-Name'],
    [call, { method: 'tools/call', name: 'other' }, 'Mcp-Name'],
    [call, { method: 'tools/call', name: '=?base64?ZWNo?=' }, 'Mcp-Name'],
    [get, { method: 'tasks/get' }, 'Mcp-Name'],
  ])('disagree: %j %j', (message, headers, header) => {
    expect(envelopeOf(message, saying(headers), toBase64)).toMatchObject({ rule: 'header-mismatch', data: { header } });
  });
});
