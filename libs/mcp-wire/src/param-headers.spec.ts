import { describe, expect, it } from '@jest/globals';
import { disagreement, headersFor, paramHeadersOf } from './param-headers.js';
import type { JsonObject } from './json-rpc.js';

const toBase64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const schema = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    limits: { type: 'object', properties: { rows: { type: 'integer', 'x-mcp-header': 'Rows' } } },
    dry: { type: 'boolean', 'x-mcp-header': 'Dry-Run' },
    query: { type: 'string' },
  },
};
const { headers } = paramHeadersOf(schema);

describe('the marks in an input schema', () => {
  it('are found through properties at any depth', () => {
    expect(paramHeadersOf(schema)).toEqual({
      headers: [
        { header: 'mcp-param-region', path: ['region'], type: 'string' },
        { header: 'mcp-param-rows', path: ['limits', 'rows'], type: 'integer' },
        { header: 'mcp-param-dry-run', path: ['dry'], type: 'boolean' },
      ],
      fault: undefined,
    });
  });

  it.each([undefined, null, true, 'text', [], {}])('are none in %j', (input) => {
    expect(paramHeadersOf(input)).toEqual({ headers: [], fault: undefined });
  });

  const within = (property: JsonObject): JsonObject => ({ type: 'object', properties: { a: property } });
  it.each<[string, JsonObject, RegExp]>([
    ['an empty name', within({ type: 'string', 'x-mcp-header': '' }), /not the name of a header/],
    ['a name with a line break', within({ type: 'string', 'x-mcp-header': 'a\r\nb' }), /not the name of a header/],
    ['a name that is no text', within({ type: 'string', 'x-mcp-header': 7 }), /not the name of a header/],
    ['an object', within({ type: 'object', 'x-mcp-header': 'A' }), /needs the type/],
    ['no type', within({ 'x-mcp-header': 'A' }), /needs the type/],
    ['a number', within({ type: 'number', 'x-mcp-header': 'A' }), /must not be of the type number/],
    ['the schema itself', { type: 'string', 'x-mcp-header': 'A' }, /not reached/],
    ['an item', within({ type: 'array', items: { type: 'string', 'x-mcp-header': 'A' } }), /not reached/],
    ['a branch', within({ anyOf: [{ type: 'string', 'x-mcp-header': 'A' }] }), /not reached/],
    ['a definition', { $defs: { d: within({ type: 'string', 'x-mcp-header': 'A' }) } }, /not reached/],
    ['one name twice', { properties: { a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } } }, /used twice/],
  ])('are refused on %s', (_what, input, fault) => {
    expect(paramHeadersOf(input).fault).toMatch(fault);
  });

  it('are not looked for without end', () => {
    let deep: JsonObject = { type: 'string', 'x-mcp-header': 'A' };
    for (let level = 0; level < 10_000; level += 1) deep = { properties: { a: deep } };
    expect(paramHeadersOf(deep)).toEqual({ headers: [], fault: 'the schema nests too deep to look for x-mcp-header' });
  });
});

describe('the headers of a call', () => {
  it('carry the arguments that are there, encoded where they must be', () => {
    expect(headersFor(headers, { region: 'Zürich', limits: { rows: -7 }, dry: false, query: 'x' }, toBase64)).toEqual({
      'mcp-param-region': '=?base64?WsO8cmljaA==?=',
      'mcp-param-rows': '-7',
      'mcp-param-dry-run': 'false',
    });
  });

  it.each<JsonObject>([{}, { region: null }, { region: ['a'] }, { limits: null }, { limits: { rows: 2 ** 60 } }])('leave out what has no header: %j', (args) => {
    expect(headersFor(headers, args, toBase64)).toEqual({});
    expect(disagreement(headers, args, () => undefined, toBase64)).toBeUndefined();
  });

  it('are not read from what every object has', () => {
    const inherited = paramHeadersOf({ properties: { constructor: { type: 'object', properties: { name: { type: 'string', 'x-mcp-header': 'A' } } } } });
    expect(headersFor(inherited.headers, {}, toBase64)).toEqual({});
  });
});

describe('comparing headers with the arguments', () => {
  const compare = (args: JsonObject, sent: Record<string, string>): string | undefined => disagreement(headers, args, (name) => sent[name], toBase64)?.header;

  it.each<[JsonObject, Record<string, string>]>([
    [{ region: 'us' }, { 'mcp-param-region': 'us' }],
    [{ region: 'us' }, { 'mcp-param-region': '=?base64?dXM=?=' }],
    [{ limits: { rows: 42 } }, { 'mcp-param-rows': '42.0' }],
    [{ dry: true }, { 'mcp-param-dry-run': 'true' }],
    [{}, { 'mcp-param-region': 'ignored' }],
    [{ region: null }, { 'mcp-param-region': 'ignored' }],
  ])('%j agrees with %j', (args, sent) => {
    expect(compare(args, sent)).toBeUndefined();
  });

  it.each<[JsonObject, Record<string, string>, string]>([
    [{ region: 'us' }, {}, 'mcp-param-region'],
    [{ region: 'us' }, { 'mcp-param-region': 'eu' }, 'mcp-param-region'],
    [{ region: 'us' }, { 'mcp-param-region': '=?base64?dXM?=' }, 'mcp-param-region'],
    [{ limits: { rows: 42 } }, { 'mcp-param-rows': '43' }, 'mcp-param-rows'],
    [{ limits: { rows: 42 } }, { 'mcp-param-rows': '0x2a' }, 'mcp-param-rows'],
    [{ dry: true }, { 'mcp-param-dry-run': 'TRUE' }, 'mcp-param-dry-run'],
  ])('%j disagrees with %j', (args, sent, header) => {
    expect(compare(args, sent)).toBe(header);
  });
});
