import fc from 'fast-check';
import { asBody, bodyOf, headersOf, type WireCase, type WireRequest } from './wire-case.js';

type Sent = Pick<WireCase, 'as' | 'request'>;

export interface Mutated {
  /** What it prints as can be kept as a case. */
  readonly sent: Sent;
  /** Where its bytes are cut into pieces, as parts of the whole. */
  readonly cuts: readonly number[];
}

type Mutation = (sent: Sent) => Sent;

/** JSON that programs trip over. */
const nastyJson = [
  ...['null', 'true', '0', '-0', '1.5', '1e400', '-1e400', '9007199254740993', '1'.repeat(40), '""', '"x"', '[]', '{}', '[[]]', '[null]'],
  ...['"\\ud800"', '"\\u0000"', '"\\ud83d\\ude00"', '"__proto__"', '"constructor"', '"hasOwnProperty"', '"../../x"', '"2026-07-28"', '"2025-03-26"', '"Infinity"'],
  ...['{"__proto__":{"polluted":true}}', '{"__proto__":null}', '{"constructor":{"prototype":{"polluted":true}}}', '{"":""}', '{"length":-1}', '{"then":1}'],
  ...['"initialize"', '"tools/call"', '"tools/list"', '"tasks/get"', '"server/discover"', '"notifications/cancelled"', '"subscriptions/listen"', '"completion/complete"'],
  ...[
    '"mischief__echo"',
    '"mischief__unknown_fields"',
    '"io.modelcontextprotocol/tasks"',
    `"${'y'.repeat(3_000)}"`,
    `${'['.repeat(12)}${']'.repeat(12)}`,
    '{"jsonrpc":"2.0","id":9,"method":"ping"}',
  ],
];
const nastyNames = [
  '__proto__',
  'constructor',
  '',
  '\u0000',
  '_meta',
  'jsonrpc',
  'id',
  'method',
  'params',
  'result',
  'error',
  'name',
  'arguments',
  'progressToken',
  'requestState',
  'task',
];
const nastyBytes = ['"', '\\', '{', '}', '[', ']', ',', ':', '\u0000', '\ufeff', '\n', '1e999', '\\u', '\\ud800', '/*']
  .map((text) => Buffer.from(text))
  .concat(Buffer.from([0xff]), Buffer.from([0xc0, 0x80]));
const headerNames = [
  ...['accept', 'authorization', 'content-type', 'content-encoding', 'host', 'origin', 'mcp-session-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name', 'mcp-param-region'],
  ...['last-event-id', 'x-forwarded-host', 'x-http-method-override', 'expect', 'te', 'range', 'x-customhouse-forwarded', 'traceparent', 'cookie'],
];
const nastyHeaders = [
  ...[
    '',
    ' ',
    ',',
    ';',
    '"',
    '\\',
    '__proto__',
    'null',
    '*/*',
    'text/event-stream',
    'application/json',
    'tools/call',
    'tools/list',
    'initialize',
    'mischief__echo',
    '=?base64??=',
    '=?base64?////?=',
  ],
  ...['2026-07-28', '2025-03-26', '2024-11-05', 'localhost', 'evil.example', 'http://localhost', 'Bearer', 'Bearer {key}', 'Bearer {other-key}', 'Bearer chk_x_y', 'Bearer a.b.c'],
  ...['{session}', '{session-of-other}', '{session-of-old}', '{ended-session}', '{session-at-server}', '100-continue', 'é', '\u0080\u00ff', 'z'.repeat(2_000)],
];
const methods = ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS', 'HEAD'];
const paths = [
  '/mcp',
  '/mcp?x=1',
  '/servers/mischief/mcp',
  '/servers/nothing/mcp',
  '/mcp/nothing',
  '/sse',
  '/servers/mischief/sse',
  '/messages/AAAA',
  '/mcp/../mcp',
  '/peers',
  '/%00',
  '/mcp#x',
];

const part = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const place = fc.nat({ max: 10_000 });

const onBytes = (change: (body: Buffer) => Buffer): Mutation => {
  return (sent) => ({ ...sent, request: { ...sent.request, body: asBody(change(bodyOf(sent.request))) } });
};
const at = (body: Buffer, where: number): number => Math.floor(where * body.length);

const byteMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(part, fc.nat({ max: 7 })).map(([where, bit]) =>
    onBytes((body) => {
      const changed = Buffer.from(body);
      if (changed.length > 0) changed[at(body, where)]! ^= 1 << bit;
      return changed;
    }),
  ),
  fc.tuple(part, part).map(([from, length]) => onBytes((body) => Buffer.concat([body.subarray(0, at(body, from)), body.subarray(at(body, from) + 1 + Math.floor(length * 20))]))),
  fc.tuple(part, part).map(([from, length]) => onBytes((body) => Buffer.concat([body.subarray(0, at(body, from) + Math.floor(length * 40)), body.subarray(at(body, from))]))),
  fc
    .tuple(part, fc.constantFrom(...nastyBytes))
    .map(([where, bytes]) => onBytes((body) => Buffer.concat([body.subarray(0, at(body, where)), bytes, body.subarray(at(body, where))]))),
);

/** Replaces one value of the JSON, which may be all of it, by a text that need not be a value. Leaves a body alone that is no JSON. */
function replaceValue(which: number, by: (old: string) => string): Mutation {
  const marker = 'replaced-by-the-mutation';
  return onBytes((body) => {
    const values: string[] = [];
    const mark = (parsed: unknown, wanted: number): string => {
      let seen = 0;
      const text = JSON.stringify(parsed, (_name, value: unknown) => {
        if (wanted < 0) values.push(JSON.stringify(value));
        return seen++ === wanted ? marker : value;
      });
      return text;
    };
    try {
      const parsed = JSON.parse(body.toString('utf8')) as unknown;
      mark(parsed, -1);
      const wanted = which % values.length;
      return Buffer.from(mark(parsed, wanted).replace(`"${marker}"`, () => by(values[wanted]!)));
    } catch {
      return body;
    }
  });
}

const jsonMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.constantFrom(...nastyJson)).map(([which, value]) => replaceValue(which, () => value)),
  fc
    .tuple(place, fc.constantFrom(...nastyNames), fc.constantFrom(...nastyJson))
    .map(([which, name, value]) => replaceValue(which, (old) => `${old},${JSON.stringify(name)}:${value}`)),
  fc
    .tuple(place, fc.constantFrom(...nastyNames), fc.constantFrom(...nastyJson))
    .map(([which, name, value]) =>
      replaceValue(which, (old) => (old.startsWith('{') ? `{${JSON.stringify(name)}:${value}${old === '{}' ? '}' : `,${old.slice(1)}`}` : `{${JSON.stringify(name)}:${old}}`)),
    ),
  place.map((which) => replaceValue(which, (old) => `[${old}]`)),
  place.map((which) => replaceValue(which, (old) => `[${old},${old}]`)),
  // A number for a text, a text for an object.
  place.map((which) => replaceValue(which, (old) => JSON.stringify(old))),
);

const headerMutation: fc.Arbitrary<Mutation> = fc
  .tuple(fc.constantFrom(...headerNames), fc.option(fc.constantFrom(...nastyHeaders)), fc.boolean(), fc.boolean())
  .map(([name, value, beside, capitals]): Mutation => (sent) => {
    const { [name]: old = [], ...others } = headersOf(sent);
    const { 'content-length': _length, ...kept } = others;
    const values = value === null ? null : beside ? [...old, value] : [value];
    return {
      ...sent,
      request: { ...sent.request, headers: { ...without(sent.request), ...kept, [name]: capitals ? null : values, ...(capitals && { [name.toUpperCase()]: values ?? old }) } },
    };
  });

/** Headers that were taken away stay away. */
function without({ headers = {} }: WireRequest): Record<string, null> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === null ? [[name, null]] : [])));
}

const lineMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.constantFrom(...methods).map((method): Mutation => (sent) => ({ ...sent, request: { ...sent.request, method } })),
  fc.constantFrom(...paths).map((path): Mutation => (sent) => ({ ...sent, request: { ...sent.request, path } })),
);

const mutation = fc.oneof(
  { arbitrary: jsonMutation, weight: 5 },
  { arbitrary: byteMutation, weight: 3 },
  { arbitrary: headerMutation, weight: 3 },
  { arbitrary: lineMutation, weight: 1 },
);

/** One of these cases after one to three mutations. */
export function mutated(cases: readonly WireCase[]): fc.Arbitrary<Mutated> {
  return fc.record({
    sent: fc
      .tuple(fc.constantFrom(...cases), fc.array(mutation, { minLength: 1, maxLength: 3 }))
      .map(([{ as, request }, mutations]) => mutations.reduce<Sent>((sent, mutate) => mutate(sent), { as, request })),
    cuts: fc.array(part, { maxLength: 6 }),
  });
}
