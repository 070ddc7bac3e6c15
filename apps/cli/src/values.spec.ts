import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { assignments, duration, jsonObject, moment, readInput } from './values.js';

describe('tool arguments as name=value', () => {
  it.each([
    [['message=hello world'], { message: 'hello world' }],
    [['count=3', 'deep=true', 'none=null'], { count: 3, deep: true, none: null }],
    [['tags=["a","b"]', 'where={"x":1}'], { tags: ['a', 'b'], where: { x: 1 } }],
    [['path=/tmp/a=b'], { path: '/tmp/a=b' }],
    [['empty='], { empty: '' }],
    [['code=007'], { code: '007' }],
  ])('%j are %j', (pairs, expected) => {
    expect(assignments(pairs, undefined)).toEqual(expected);
  });

  it('stay text where the tool asks for text', () => {
    const schema = { type: 'object', properties: { zip: { type: 'string' }, count: { type: 'number' } } };
    expect(assignments(['zip=12345', 'count=12345'], schema)).toEqual({ zip: '12345', count: 12345 });
  });

  it('are data, whatever their names', () => {
    const result = assignments(['__proto__={"polluted":true}', 'constructor=x'], { properties: {} });
    expect(Object.keys(result)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each([
    ['message', '"message" is not an argument'],
    ['=x', '"=x" is not an argument'],
  ])('are refused when they are not pairs: %s', (pair, message) => {
    expect(() => assignments([pair], undefined)).toThrow(message);
  });

  it('are refused when one is given twice', () => {
    expect(() => assignments(['a=1', 'a=2'], undefined)).toThrow('the argument "a" is given twice');
  });
});

describe('a JSON object from the command line', () => {
  it.each([
    ['{"a":', 'is not JSON'],
    ['[1]', 'must be a JSON object, and is a list'],
    ['null', 'must be a JSON object, and is null'],
    ['"x"', 'must be a JSON object, and is a string'],
  ])('is not %s', (text, message) => {
    expect(() => jsonObject(text, '--args')).toThrow(message);
  });
});

describe('a moment', () => {
  const now = Date.parse('2026-11-22T12:00:00.000Z');
  it.each([
    ['90s', '2026-11-22T11:58:30.000Z'],
    ['2h', '2026-11-22T10:00:00.000Z'],
    ['7d', '2026-11-15T12:00:00.000Z'],
    ['2026-11-01', '2026-11-01T00:00:00.000Z'],
    ['2026-11-22T13:00:00+02:00', '2026-11-22T11:00:00.000Z'],
  ])('%s is %s', (text, expected) => {
    expect(moment(text, now)).toBe(expected);
  });

  it.each(['yesterday', '12', '2026-13-45', ''])('is not %j', (text) => {
    expect(() => moment(text, now)).toThrow('is not a time');
  });
});

describe('a length of time', () => {
  it.each([
    ['30', 30_000],
    ['15m', 900_000],
    ['30d', 2_592_000_000],
  ])('%s is %d ms', (text, expected) => {
    expect(duration(text)).toBe(expected);
  });

  it.each(['-1', '1.5h', 'soon'])('is not %j', (text) => {
    expect(() => duration(text)).toThrow('is not a length of time');
  });
});

describe('input from a file', () => {
  it('is its text, or says why it cannot be had', () => {
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-input-'));
    try {
      writeFileSync(join(folder, 'rules.yaml'), 'version: 1');
      expect(readInput(join(folder, 'rules.yaml'), () => '')).toBe('version: 1');
      expect(readInput('-', () => 'from stdin')).toBe('from stdin');
      expect(() => readInput(join(folder, 'none'), () => '')).toThrow('it does not exist');
      expect(() => readInput(folder, () => '')).toThrow('it is a folder');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
