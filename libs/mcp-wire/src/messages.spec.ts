import { describe, expect, it } from '@jest/globals';
import { definitionText } from './definition.js';
import { errorCodes } from './errors.js';
import { errorText, notificationText, relayedErrorText, resultText, serverSentEvent } from './messages.js';
import { negotiate, revisionOf } from './revisions.js';

describe('building JSON-RPC texts', () => {
  it.each([[7], ['seven'], ['"quoted"\n']])('an answer carries the id %j as it came', (id) => {
    expect(JSON.parse(resultText(id, '{"a":1}'))).toEqual({ jsonrpc: '2.0', id, result: { a: 1 } });
    expect(JSON.parse(relayedErrorText(id, { code: 1, message: 'm', more: true }))).toEqual({ jsonrpc: '2.0', id, error: { code: 1, message: 'm', more: true } });
  });

  it('an error names its rule beside its code', () => {
    expect(JSON.parse(errorText(1, 'log-unavailable', 'no', { call: 'x' }))).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -31001, message: 'no', data: { rule: 'log-unavailable', call: 'x' } },
    });
  });

  it('a notification has no id, and no params where there are none', () => {
    expect(notificationText('notifications/tools/list_changed')).toBe('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
  });

  it('a server-sent event holds the message on one line', () => {
    expect(serverSentEvent(notificationText('m', { text: 'a\nb\r' }))).toBe('event: message\ndata: {"jsonrpc":"2.0","method":"m","params":{"text":"a\\nb\\r"}}\n\n');
  });
});

describe('the table of error codes', () => {
  it('uses no code twice', () => {
    const codes = Object.values(errorCodes);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('keeps codes of our own outside the range that JSON-RPC reserves', () => {
    const own = Object.values(errorCodes).filter((code) => code > -32000 || code < -32768);
    expect(own.length).toBeGreaterThan(10);
    expect(
      Object.entries(errorCodes)
        .filter(([, code]) => code <= -32000 && code >= -32768)
        .map(([rule]) => rule),
    ).toEqual([
      'parse-error',
      'invalid-request',
      'method-not-found',
      'invalid-params',
      'resource-not-found',
      'internal-error',
      'header-mismatch',
      'missing-client-capability',
      'unsupported-version',
    ]);
  });

  it('names rules in kebab case', () => {
    for (const rule of Object.keys(errorCodes)) expect(rule).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
  });
});

describe('protocol revisions', () => {
  it.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
    ['banana', '2025-11-25'],
  ])('initialize asking for %s agrees on %s', (asked, agreed) => {
    expect(negotiate(asked)).toBe(agreed);
  });

  it('only 2025-03-26 has batches', () => {
    expect(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'].filter((name) => revisionOf(name)?.batch)).toEqual(['2025-03-26']);
    expect(revisionOf('banana')).toBeUndefined();
  });
});

describe('the text of a definition', () => {
  it('does not depend on the order of members', () => {
    expect(definitionText({ name: 'a', inputSchema: { type: 'object', properties: { b: {}, a: {} } } })).toBe(
      definitionText({ inputSchema: { properties: { a: {}, b: {} }, type: 'object' }, name: 'a' }),
    );
  });

  it.each([
    [
      { name: 'a', description: 'x' },
      { name: 'a', description: 'y' },
    ],
    [{ name: 'a' }, { name: 'a', unknown: 1 }],
    [
      { name: 'a', inputSchema: { enum: ['x', 'y'] } },
      { name: 'a', inputSchema: { enum: ['y', 'x'] } },
    ],
  ])('differs between %j and %j', (one, other) => {
    expect(definitionText(one)).not.toBe(definitionText(other));
  });
});
