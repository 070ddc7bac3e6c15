import { describe, expect, it } from '@jest/globals';
import type { ClientMethod } from '@customhouse/policy-contract/methods';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { asked } from './asked.js';
import { paramsFor } from './params.js';

const rows: [ClientMethod, JsonObject, string, JsonObject][] = [
  ['tools/call', { name: 'echo', arguments: { a: 1 } }, 'echo', { a: 1 }],
  ['tools/call', { name: 'echo' }, 'echo', {}],
  ['prompts/get', { name: 'greet', arguments: { who: 'Ada' }, future: true }, 'greet', { arguments: { who: 'Ada' }, future: true }],
  ['prompts/get', { name: 'greet' }, 'greet', {}],
  ['resources/read', { uri: 'file:///a', future: [1] }, 'file:///a', { future: [1] }],
  ['resources/subscribe', { uri: 'file:///a' }, 'file:///a', {}],
  ['resources/unsubscribe', { uri: 'file:///a' }, 'file:///a', {}],
  [
    'completion/complete',
    { ref: { type: 'ref/prompt', name: 'greet', title: 'Greet' }, argument: { name: 'who', value: 'A' }, context: { arguments: {} } },
    'greet',
    { ref: { type: 'ref/prompt', title: 'Greet' }, argument: { name: 'who', value: 'A' }, context: { arguments: {} } },
  ],
  [
    'completion/complete',
    { ref: { type: 'ref/resource', uri: 'file:///{path}' }, argument: { name: 'path', value: '' } },
    'file:///{path}',
    { ref: { type: 'ref/resource' }, argument: { name: 'path', value: '' } },
  ],
];

describe('what a client asks for', () => {
  it.each(rows)('%s with %j is aimed at %s', (method, params, name, rest) => {
    expect(asked(7, method, { ...params, _meta: { progressToken: 'p' } })).toMatchObject({ requestId: 7, method, name, progressToken: 'p' });
    expect(asked(7, method, params).arguments).toEqual(rest);
  });

  it.each(rows)('%s with %j is sent as it was asked, under another name', (method, params, name, rest) => {
    expect(paramsFor(method, name, rest)).toEqual(method === 'tools/call' ? { arguments: {}, ...params } : params);
    expect(JSON.stringify(paramsFor(method, 'ANOTHER', rest))).toBe(JSON.stringify(paramsFor(method, name, rest)).replace(name, 'ANOTHER'));
  });

  it.each<[ClientMethod, JsonObject | undefined, RegExp]>([
    ['tools/call', undefined, /tools\/call needs "name"/],
    ['tools/call', { name: '' }, /tools\/call needs "name"/],
    ['tools/call', { name: 'x'.repeat(257) }, /at most 256 characters/],
    ['tools/call', { name: 'echo', arguments: [] }, /"arguments" of tools\/call must be an object/],
    ['prompts/get', { name: 1 }, /prompts\/get needs "name"/],
    ['prompts/get', { name: 'greet', arguments: 'Ada' }, /"arguments" of prompts\/get must be an object/],
    ['resources/read', {}, /resources\/read needs "uri"/],
    ['resources/read', { uri: `file:///${'x'.repeat(6_144)}` }, /at most 6144 characters/],
    ['resources/subscribe', { uri: null }, /resources\/subscribe needs "uri"/],
    ['completion/complete', { ref: 'greet' }, /needs "ref", an object/],
    ['completion/complete', { ref: { type: 'ref/tool', name: 'greet' } }, /"ref\/prompt" or "ref\/resource"/],
    ['completion/complete', { ref: { type: 'ref/prompt', uri: 'file:///a' } }, /completion\/complete needs "name"/],
  ])('%s with %j is refused', (method, params, message) => {
    expect(() => asked(1, method, params)).toThrow(message);
  });

  it('has the time that the caller wants to wait, and the trace it belongs to, where they are well formed', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const known = asked(1, 'tools/call', { name: 'echo', _meta: { 'customhouse/wait_ms': 5, traceparent } });
    expect([known.wait_ms, known.traceparent]).toEqual([5, traceparent]);
    const unknown = asked(1, 'tools/call', { name: 'echo', _meta: { 'customhouse/wait_ms': -1, traceparent: 'no', progressToken: {} } });
    expect([unknown.wait_ms, unknown.traceparent, unknown.progressToken]).toEqual([undefined, undefined, undefined]);
  });

  it.each<[ClientMethod, JsonObject, JsonObject | undefined]>([
    ['tools/call', { name: 'echo', future: { a: 1 }, _meta: { 'example.com/id': 7, progressToken: 'p' } }, { future: { a: 1 }, _meta: { 'example.com/id': 7 } }],
    ['tools/call', { name: 'echo', _meta: { plain: true } }, { _meta: { plain: true } }],
    ['prompts/get', { name: 'greet', future: 1, _meta: { plain: true } }, { _meta: { plain: true } }],
    ['tools/call', { name: 'echo', task: { ttl: 1 }, inputResponses: {}, requestState: 's' }, undefined],
    [
      'tools/call',
      {
        name: 'echo',
        _meta: { progressToken: 1, traceparent: 'x', tracestate: 'y', baggage: 'z', 'customhouse/wait_ms': 1, 'io.modelcontextprotocol/protocolVersion': '2026-07-28' },
      },
      undefined,
    ],
  ])('of %s with %j has the members that nobody here knows: %j', (method, params, extra) => {
    expect(asked(1, method, params).extra).toEqual(extra);
  });

  it('keeps a member that is called __proto__, and inherits nothing from it', () => {
    const params = JSON.parse('{"name":"echo","__proto__":{"x":1},"_meta":{"__proto__":{"y":2}}}') as JsonObject;
    expect(JSON.stringify(asked(1, 'tools/call', params).extra)).toBe('{"__proto__":{"x":1},"_meta":{"__proto__":{"y":2}}}');
  });
});
