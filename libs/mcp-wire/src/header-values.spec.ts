import { describe, expect, it } from '@jest/globals';
import { headerSays, headerValue } from './header-values.js';

const toBase64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

describe('texts in headers', () => {
  it.each([
    ['us-west1', 'us-west1'],
    ['with space', 'with space'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['=?base64?', '=?base64?'],
    ['\u0000', '=?base64?AA==?='],
    ['', ''],
  ])('%j is sent as %j, and that says it again', (text, value) => {
    expect(headerValue(text, toBase64)).toBe(value);
    expect(headerSays(value, text, toBase64)).toBe(true);
  });

  it('takes the white space around a header for none of it', () => {
    expect(headerSays('  echo\t', 'echo', toBase64)).toBe(true);
  });

  it.each([
    ['another text', 'Echo', 'echo'],
    ['missing padding', '=?base64?SGVsbG8?=', 'Hello'],
    ['letters that are none of base64', '=?base64?SGVs!!!bG8=?=', 'Hello'],
    ['bits that are ignored', '=?base64?SGVsbG9=?=', 'Hello'],
    ['encoded text of something else', '=?base64?SGVsbG8=?=', 'hello'],
    ['a missing mark', 'SGVsbG8=', 'Hello'],
    ['marks that overlap', '=?base64?=', ''],
    ['another case of the mark', '=?BASE64?SGVsbG8=?=', 'Hello'],
  ])('is not misled by %s', (_what, value, text) => {
    expect(headerSays(value, text, toBase64)).toBe(false);
  });

  it('takes a value without both marks as it is', () => {
    expect(headerSays('=?base64?SGVsbG8=', '=?base64?SGVsbG8=', toBase64)).toBe(true);
    expect(headerSays('SGVsbG8=', 'SGVsbG8=', toBase64)).toBe(true);
  });
});
