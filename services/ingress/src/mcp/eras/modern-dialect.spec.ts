import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { ModernDialect } from './modern-dialect.js';

const serverInfo = { name: 'gateway', version: '1' };
const server = 'io.modelcontextprotocol/serverInfo';

function worded(method: string, reply: Parameters<ModernDialect['word']>[1]): { readonly status: number; readonly message: JsonObject } {
  const { text, status } = new ModernDialect({ method, name: 'file:///a', serverInfo }).word('x', reply);
  return { status, message: JSON.parse(text) as JsonObject };
}

describe('a result for a client of 2026-07-28', () => {
  it('says that it is complete, and who says so, where the server did not', () => {
    expect(worded('tools/call', { result: { content: [], future: 1, _meta: { theirs: 1 } } })).toEqual({
      status: 200,
      message: { jsonrpc: '2.0', id: 'x', result: { content: [], future: 1, resultType: 'complete', _meta: { theirs: 1, [server]: serverInfo } } },
    });
  });

  it('keeps the type and the server that are said already', () => {
    const result = { resultType: 'input_required', requestState: 's', _meta: { [server]: { name: 'behind', version: '2' } } };
    expect(worded('tools/call', { result }).message).toMatchObject({ result });
  });

  it.each([
    [{ contents: [] }, 0],
    [{ contents: [], ttlMs: 5_000, cacheScope: 'public' }, 5_000],
    [{ contents: [], ttlMs: -1 }, 0],
    [{ contents: [], ttlMs: 'long' }, 0],
  ])('that was read may be kept by its reader only: %j', (result, ttlMs) => {
    expect(worded('resources/read', { result }).message['result']).toMatchObject({ ttlMs, cacheScope: 'private' });
  });

  it('that asks for input is not kept', () => {
    expect(worded('resources/read', { result: { resultType: 'input_required', requestState: 's' } }).message['result']).not.toHaveProperty('ttlMs');
  });
});

describe('an error for a client of 2026-07-28', () => {
  it.each([
    ['a method that is not there', { code: -32601, message: 'm' }, 404, { code: -32601, message: 'm' }],
    [
      'a capability that the client lacks',
      { code: -32021, message: 'm', data: { requiredCapabilities: { sampling: {} } } },
      400,
      { code: -32021, data: { requiredCapabilities: { sampling: {} } } },
    ],
    ['a resource that is not there', { code: -32002, message: 'm', data: { more: 1 } }, 200, { code: -32602, message: 'm', data: { more: 1, uri: 'file:///a' } }],
    ['a server that did not take the headers of the gateway', { code: -32020, message: 'm' }, 200, { code: -32603, message: 'm' }],
    ['a server that does not speak the revision of the gateway', { code: -32022, message: 'm' }, 200, { code: -32603, message: 'm' }],
    [
      'pages that the client cannot be sent to',
      { code: -32042, message: 'm', data: { elicitations: [] } },
      400,
      { code: -32021, data: { requiredCapabilities: { elicitation: { url: {} } } } },
    ],
    ['something of its own', { code: 7, message: 'm', data: [1] }, 200, { code: 7, message: 'm', data: [1] }],
  ])('about %s has the code and status of the revision', (_what, error, status, expected) => {
    const answer = worded('resources/read', { error });
    expect(answer.status).toBe(status);
    expect(answer.message['error']).toMatchObject(expected);
  });
});
