import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalise } from './canonical.js';

/** IEEE 754 bits and their form: RFC 8785, appendix B. */
const numbers: readonly (readonly [bits: string, text: string])[] = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
];

function numberOf(bits: string): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${bits}`));
  return view.getFloat64(0);
}

describe('canonical JSON', () => {
  it.each(numbers)('writes the number with the bits %s as %s (RFC 8785, appendix B)', (bits, text) => {
    expect(canonicalise(numberOf(bits))).toBe(text);
  });

  it('sorts, escapes and shortens as the example of RFC 8785, section 3.2.2', () => {
    const input = JSON.parse(`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`) as unknown;
    expect(canonicalise(input)).toBe('{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}');
  });

  it('sorts member names by UTF-16 code units, as the example of RFC 8785, section 3.2.3', () => {
    const input = JSON.parse(
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
    ) as Record<string, string>;
    const written = canonicalise(input);
    expect([...written.matchAll(/:"([^"]+)"/g)].map((match) => match[1])).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  it.each([
    ['names that look like indices', '{"9":1,"10":2,"1":3,"a":{"2":1,"11":2}}', '{"1":3,"10":2,"9":1,"a":{"11":2,"2":1}}'],
    ['indices inside an object that was in order', '{"a":[{"9":1,"10":2}],"b":1}', '{"a":[{"10":2,"9":1}],"b":1}'],
    ['a member called __proto__', '{"b":1,"__proto__":{"y":1,"x":2},"a":0}', '{"__proto__":{"x":2,"y":1},"a":0,"b":1}'],
    ['__proto__ in order with members out of order', '{"__proto__":{"y":1,"x":2},"a":0}', '{"__proto__":{"x":2,"y":1},"a":0}'],
    ['__proto__ in order beside a member out of order', '{"__proto__":1,"a":{"y":1,"x":2}}', '{"__proto__":1,"a":{"x":2,"y":1}}'],
    ['a member called toJSON', '{"toJSON":"b","a":1}', '{"a":1,"toJSON":"b"}'],
    ['names that differ in their surrogates only', '{"\\ud800":1,"\\udc00":2,"\\ud83d\\ude00":3}', '{"\\ud800":1,"😀":3,"\\udc00":2}'],
    ['the empty name', '{"a":1,"":2}', '{"":2,"a":1}'],
    ['a lone surrogate', '"\\ud800"', '"\\ud800"'],
    ['line separators, which JavaScript source once refused', '"\\u2028\\u2029\\u007f"', '"\u2028\u2029\u007f"'],
  ])('writes %s', (_, input, output) => {
    expect(canonicalise(JSON.parse(input))).toBe(output);
  });

  it('leaves out members that are undefined, wherever they stand', () => {
    expect(canonicalise({ b: undefined, a: { d: 1, c: undefined }, '10': undefined })).toBe('{"a":{"d":1}}');
  });

  it('does not change what it is given', () => {
    const input = { b: [{ d: 1, c: 2 }], a: 1 };
    canonicalise(input);
    expect(JSON.stringify(input)).toBe('{"b":[{"d":1,"c":2}],"a":1}');
  });

  it.each([
    ['NaN', NaN],
    ['Infinity', [-Infinity]],
    ['a bigint', { a: 1n }],
    ['a function', { toJSON: () => 'x' }],
    ['a symbol', Symbol('x')],
    ['undefined', undefined],
    ['undefined in an array', [undefined]],
    ['a hole in an array', { 9: [, 1], 10: 1, 1: 1 }],
    ['a date', { at: new Date(0) }],
    ['a date beside names that look like indices', { b: 1, 10: 1, 9: new Date(0) }],
    ['bytes', { b: 1, a: new Uint8Array(2) }],
    ['a map', new Map()],
  ])('refuses %s instead of writing something else', (_, value) => {
    expect(() => canonicalise(value)).toThrow(TypeError);
  });

  it('refuses a cycle', () => {
    const cycle: Record<string, unknown> = {};
    cycle.a = [cycle];
    expect(() => canonicalise(cycle)).toThrow(RangeError);
  });

  it('sorts many names as it sorts few', () => {
    const names = Array.from({ length: 60 }, (_, index) => `n${(index * 37) % 60}`);
    const input = Object.fromEntries(names.map((name) => [name, 1]));
    expect(Object.keys(JSON.parse(canonicalise(input)) as object)).toEqual([...names].sort());
  });
});

const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', 'toJSON', '', '0', '9', '10', '1e3', '-1', 'a', 'b'), fc.nat().map(String));
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.oneof(fc.string({ unit: 'binary' }), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 6 }).map((members) => Object.fromEntries(members) as unknown),
  ),
})).value;
const manyMembers = fc.array(fc.tuple(name, fc.nat()), { minLength: 25, maxLength: 40 }).map((members) => Object.fromEntries(members) as unknown);

/** The specification read literally: slow, and without any of the shortcuts. */
function literally(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(literally).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${literally(member)}`).join(',')}}`;
}

function shuffled(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffled(member)]),
  );
}

describe('canonical JSON of any value', () => {
  it('is what the specification says, read literally', () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: json }, manyMembers), (value) => {
        expect(canonicalise(value)).toBe(literally(value));
      }),
      { numRuns: 150 },
    );
  });

  it('says the same as the value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalise(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 150 },
    );
  });

  it('does not depend on the order of members, and is a fixed point', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalise(value);
        expect(canonicalise(shuffled(value))).toBe(text);
        expect(canonicalise(JSON.parse(text))).toBe(text);
      }),
      { numRuns: 150 },
    );
  });
});
