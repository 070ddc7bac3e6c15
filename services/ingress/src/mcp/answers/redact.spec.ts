import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '@customhouse/kernel/canonical';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { redact, redactError } from './redact.js';

const rows: JsonObject = {
  rows: [
    { iban: 'DE1', name: 'Ada', more: { iban: 'DE2' } },
    { iban: 'DE3', name: 'Bob' },
  ],
  total: 2,
};
const withheld = expect.stringMatching(/^Withheld: /);

describe('what the policy takes out of a result', () => {
  it.each<[string, string[], unknown]>([
    ['a name, wherever it is', ['iban'], { rows: [{ name: 'Ada', more: {} }, { name: 'Bob' }], total: 2 }],
    ['several names', ['iban', 'more', 'total'], { rows: [{ name: 'Ada' }, { name: 'Bob' }] }],
    [
      'a pointer, only there',
      ['/rows/0/iban'],
      {
        rows: [
          { name: 'Ada', more: { iban: 'DE2' } },
          { iban: 'DE3', name: 'Bob' },
        ],
        total: 2,
      },
    ],
    ['a pointer to an item, which leaves its place', ['/rows/0'], { rows: [null, { iban: 'DE3', name: 'Bob' }], total: 2 }],
    ['a pointer to nothing', ['/rows/7/iban', '/rows/00/iban', '/total/x', '/toString'], rows],
    ['a name and a pointer', ['name', '/rows/1/iban'], { rows: [{ iban: 'DE1', more: { iban: 'DE2' } }, {}], total: 2 }],
  ])('is %s: of the structured result and of the same as text', (_, targets, left) => {
    const given = { content: [{ type: 'text', text: JSON.stringify(rows), annotations: { priority: 1 } }], structuredContent: rows, isError: false };
    const before = JSON.stringify(given);
    const result = redact(given, targets) as { content: { text: string }[] };
    expect(result).toEqual({ content: [{ type: 'text', text: expect.any(String), annotations: { priority: 1 } }], structuredContent: left, isError: false });
    expect(JSON.parse(result.content[0]!.text)).toEqual(left);
    expect(JSON.stringify(given)).toBe(before);
  });

  it('follows the escapes of JSON Pointer', () => {
    expect(redact({ structuredContent: { 'a/b': { '~': 1, c: 2 } } }, ['/a~1b/~0'])).toEqual({ structuredContent: { 'a/b': { c: 2 } } });
  });

  it.each([
    ['prose', { type: 'text', text: 'The IBAN is DE1.' }],
    ['a bare text', { type: 'text', text: '"DE1"' }],
    ['a picture', { type: 'image', data: 'DE1', mimeType: 'image/png' }],
    ['sound', { type: 'audio', data: 'DE1', mimeType: 'audio/wav' }],
    ['a kind of block that nobody knows', { type: 'hologram', iban: 'DE1' }],
    ['no block at all', 'DE1'],
  ])('cannot be found in %s, so that is withheld', (_, block) => {
    expect(redact({ content: [block] }, ['iban'])).toEqual({ content: [{ type: 'text', text: withheld }] });
  });

  it('is taken out of resources and prompts as well', () => {
    const text = JSON.stringify({ iban: 'DE1', name: 'Ada' });
    const left = '{"name":"Ada"}';
    expect(
      redact(
        {
          contents: [
            { uri: 'a:', text },
            { uri: 'b:', blob: 'REUx', mimeType: 'x/y' },
          ],
        },
        ['iban'],
      ),
    ).toEqual({
      contents: [
        { uri: 'a:', text: left },
        { uri: 'b:', mimeType: 'x/y', text: withheld },
      ],
    });
    expect(redact({ messages: [{ role: 'user', content: { type: 'text', text } }] }, ['iban'])).toEqual({ messages: [{ role: 'user', content: { type: 'text', text: left } }] });
    expect(redact({ content: [{ type: 'resource', resource: { uri: 'a:', text } }] }, ['iban'])).toEqual({ content: [{ type: 'resource', resource: { uri: 'a:', text: left } }] });
    expect(redact({ content: [{ type: 'resource_link', uri: 'a:', name: 'x', iban: 'DE1' }] }, ['iban'])).toEqual({ content: [{ type: 'resource_link', uri: 'a:', name: 'x' }] });
  });

  it('is taken out of the data of an error', () => {
    expect(redactError({ code: 1, message: 'no', data: rows }, ['iban', 'rows'])).toEqual({ code: 1, message: 'no', data: { total: 2 } });
    expect(redactError({ code: 1, message: 'no' }, ['iban'])).toEqual({ code: 1, message: 'no' });
  });

  it('is nowhere in what is left, whatever the result is', () => {
    const secret = 'DE02120300000000202051';
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.integer(),
        fc.constant('x'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.string({ maxLength: 3 }), tie('value'), { maxKeys: 3 }),
        tie('secret'),
      ),
      secret: fc.record({ iban: fc.oneof(fc.constant(secret), fc.constant([secret]), fc.constant({ deep: secret })) }),
    })).value;
    fc.assert(
      fc.property(json, fc.boolean(), (value, prose) => {
        const text = prose ? `It is ${secret}` : JSON.stringify(value);
        const left = redact(
          { structuredContent: value as Json, content: [{ type: 'text', text }], contents: [{ uri: 'a:', text }], messages: [{ role: 'user', content: { type: 'text', text } }] },
          ['iban'],
        );
        expect(JSON.stringify(left)).not.toContain(secret);
      }),
    );
  });
});
