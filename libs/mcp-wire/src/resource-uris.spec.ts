import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isQualified, mayMatch, mayMeet, qualifyTemplate, qualifyUri, schemeOf, takeTemplateApart, unqualify } from './resource-uris.js';

const servers = fc.stringMatching(/^[a-z0-9-]{1,32}$/);
const uris = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => text.isWellFormed());

describe('a URI under the name of its server', () => {
  it('leads back to the server and the URI, whatever is in it', () => {
    fc.assert(fc.property(servers, uris, (server, uri) => expect(unqualify(qualifyUri(server, uri))).toEqual({ server, uri })));
  });

  it('is another one for every server and every URI', () => {
    fc.assert(
      fc.property(servers, uris, servers, uris, (server, uri, other, another) => {
        fc.pre(server !== other || uri !== another);
        expect(qualifyUri(server, uri)).not.toBe(qualifyUri(other, another));
      }),
    );
  });

  it('can be nested, since a server may itself be such a gateway', () => {
    const inner = qualifyUri('files', 'file:///a b');
    expect(unqualify(qualifyUri('east', inner))).toEqual({ server: 'east', uri: inner });
  });

  it.each([
    ['file:///a'],
    ['customhouse://files'],
    ['customhouse://files/'],
    ['customhouse://files//'],
    ['customhouse://Files/a'],
    ['customhouse://files/%'],
    ['customhouse://files/%zz'],
    // Not the form that is given out: there is one name for each URI.
    ['customhouse://files/%61'],
    ['customhouse://files/file:///a'],
  ])('is not %s', (text) => {
    expect(unqualify(text)).toBeUndefined();
  });

  it('is known by its beginning', () => {
    expect([isQualified(qualifyUri('a', 'b')), isQualified('file:///customhouse://')]).toEqual([true, false]);
  });
});

describe('a template under the name of its server', () => {
  it('can be expanded as it is: the name comes off what it expands to', () => {
    const named = qualifyTemplate('files', 'file:///{path}{?version}');
    expect(named).toBe('customhouse://files//file:///{path}{?version}');
    const expanded = named.replace('{path}', 'a%20b%2Fc').replace('{?version}', '?version=1');
    expect(unqualify(expanded)).toEqual({ server: 'files', uri: 'file:///a%20b%2Fc?version=1' });
  });

  it('is never taken for a URI under the name of its server', () => {
    fc.assert(fc.property(servers, uris, uris, (server, uri, template) => expect(qualifyUri(server, uri)).not.toBe(qualifyTemplate(server, template))));
  });
});

describe('matching a template', () => {
  it.each([
    ['file:///{path}', 'file:///a', true],
    ['file:///{path}', 'file:///', true],
    ['file:///{path}', 'file://', false],
    ['file:///{+path}', 'file:///a/b', true],
    ['demo://{kind}/text/{id}', 'demo://dynamic/text/1', true],
    ['demo://{kind}/text/{id}', 'demo://dynamic/blob/1', false],
    ['demo://item/{id}/end', 'demo://item/1/end', true],
    ['demo://item/{id}/end', 'demo://item/end', false],
    ['demo://a{x}b{y}a', 'demo://aba', true],
    ['demo://a{x}b{y}a', 'demo://ab', false],
    ['plain://no/expression', 'plain://no/expression', true],
    ['plain://no/expression', 'plain://no/expression/more', false],
  ])('%s and %s: %s', (template, uri, expected) => {
    expect(mayMatch(takeTemplateApart(template), uri)).toBe(expected);
  });

  it('takes time in proportion to the text, whatever the template', () => {
    const template = takeTemplateApart(`a:${'{x}a'.repeat(200)}b`);
    const text = `a:${'a'.repeat(100_000)}`;
    // A matcher that tries all ways to divide the text would not come back within the time of the test.
    expect(mayMatch(template, text)).toBe(false);
  });

  it('two templates that some URI matches may meet', () => {
    const template = fc.array(fc.constantFrom('a', '/', 'b', '{x}'), { minLength: 1, maxLength: 8 }).map((parts) => `x:${parts.join('')}`);
    const text = fc.string({ unit: fc.constantFrom('a', '/', 'b'), maxLength: 8 }).map((rest) => `x:${rest}`);
    fc.assert(
      fc.property(template, template, text, (one, other, uri) => {
        const [first, second] = [takeTemplateApart(one), takeTemplateApart(other)];
        if (mayMatch(first, uri) && mayMatch(second, uri)) expect(mayMeet(first, second)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    ['file:///{a}', 'file:///b/{c}', true],
    ['file:///{a}', 'demo:///{a}', false],
    ['file:///{a}.txt', 'file:///{b}.md', false],
    ['file:///{a}', 'file:///b', true],
    ['file:///a/{b}', 'file:///b', false],
  ])('%s and %s may meet: %s', (one, other, expected) => {
    expect([mayMeet(takeTemplateApart(one), takeTemplateApart(other)), mayMeet(takeTemplateApart(other), takeTemplateApart(one))]).toEqual([expected, expected]);
  });

  it.each([
    ['file:///{a}', 'file:'],
    ['HTTP://x/{a}', 'http:'],
    ['{scheme}://a', undefined],
    ['fi{x}:///a', undefined],
    ['{+any}', undefined],
  ])('%s has the scheme %s', (template, scheme) => {
    expect(schemeOf(takeTemplateApart(template))).toBe(scheme);
  });
});
