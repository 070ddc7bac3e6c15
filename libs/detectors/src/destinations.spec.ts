import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { destinationLimits, destinationsIn } from './destinations.js';

const of = (value: Parameters<typeof destinationsIn>[0]) => destinationsIn(value).map(({ kind, host, argument }) => `${kind} ${host ?? '?'} ${argument}`);

describe('destinations in the arguments of a call', () => {
  it.each<[string, string, string[]]>([
    ['a URL', 'https://api.example.com/v1?x=1', ['url api.example.com']],
    ['its host in lower case, without port, user and last dot', 'HTTPS://user:pw@API.Example.COM.:8443/x', ['url api.example.com']],
    ['an address', 'http://10.1.2.3:80/', ['url 10.1.2.3']],
    ['an IPv6 address', 'http://[2001:DB8::1]:80/', ['url 2001:db8::1']],
    ['several, in a text', 'see https://a.example, then http://b.example.', ['url a.example', 'url b.example']],
    ['the same once', 'https://a.example https://a.example/2', ['url a.example']],
    ['other schemes', 'postgres://u:p@db.internal/x and s3://bucket/key', ['url db.internal', 'url bucket']],
    ['without slashes, as browsers take it', 'http:evil.example/x', ['url evil.example']],
    ['with slashes the other way', 'https:\\\\evil.example\\x', ['url evil.example']],
    ['relative to a scheme', '//evil.example/x', ['url evil.example']],
    ['escaped, in JSON within a text', '{"u":"https:\\/\\/evil.example\\/x"}', ['url evil.example']],
    ['encoded, in another URL', 'https://a.example/?next=https%3A%2F%2Fevil.example%2Fx', ['url a.example', 'url evil.example']],
    ['encoded twice', 'x=https%253A%252F%252Fevil.example', ['url evil.example']],
    ['mail', 'write to Bob.Example+x@Example.ORG, please', ['mail example.org']],
    ['mail of several', 'a@x.example;b@y.example', ['mail x.example', 'mail y.example']],
    ['a mailto', 'mailto:a@x.example?subject=1', ['mail x.example']],
    ['nothing in plain words', 'note: call me at 10:30 about file.txt', []],
    ['nothing in a package', '@types/node@24, zod@4.1.0 and a @ b', []],
    ['mail to an address', 'root@10.0.0.1 or root@[10.0.0.1]', ['mail 10.0.0.1', 'mail ?']],
    ['nothing in a local URL', 'file:///etc/passwd data:text/plain,x', []],
    ['no name before an @ as mail', 'https://user@host.example/', ['url host.example']],
  ])('finds %s', (_, text, found) => {
    expect(of({ x: text }).sort()).toEqual(found.map((one) => `${one} /x`).sort());
  });

  it.each([
    ['two @', 'https://a.example@b.example@c.example/'],
    ['percent-encoding in the host', 'https://evil%2eexample/'],
    ['letters that are not ASCII', 'https://exаmple.com/'],
    ['full-width dots', 'https://evil。example/'],
    ['a decimal number', 'http://2130706433/'],
    ['a hexadecimal number', 'http://0x7f.1/'],
    ['an octal number', 'http://010.0.0.1/'],
    ['too few numbers', 'http://127.1/'],
    ['an end of line in the host', 'https://good.example\n.evil.example/'],
    ['a tab in the host', 'https://good.example\t.evil.example/'],
    ['a broken IPv6 address', 'http://[::1::]/'],
    ['no host at all', 'https://'],
    ['no host but a port', 'https://:80/'],
    ['a host that is too long', `https://${'a.'.repeat(2000)}example/`],
  ])('does not pretend to read a URL with %s', (_, text) => {
    expect(of({ x: text })[0]).toBe('url ? /x');
  });

  it.each<[string, string, string[]]>([
    ['host', 'evil.example', ['host evil.example /host']],
    ['host', 'evil.example:8080', ['host evil.example /host']],
    ['proxy_host', '10.0.0.1', ['host 10.0.0.1 /proxy_host']],
    ['baseUrl', 'evil.example/path', ['host evil.example /baseUrl']],
    ['url', 'https://evil.example', ['url evil.example /url']],
    ['url', '/relative', []],
    ['url', 'evil。example', ['host ? /url']],
    ['host', '2001:db8::1', ['host 2001:db8::1 /host']],
    ['path', 'evil.example', []],
    ['ghost', 'evil.example', []],
  ])('takes a bare host for one in an argument named %s: %s', (name, text, found) => {
    expect(of({ [name]: text })).toEqual(found);
  });

  it('names the argument by its JSON Pointer, and looks into lists and objects', () => {
    expect(of({ 'a/b': [{ 'c~d': 'https://x.example' }], hosts: ['y.example'] })).toEqual(['url x.example /a~1b/0/c~0d', 'host y.example /hosts/0']);
  });

  it('says that there is more where there is too much', () => {
    const many = Array.from({ length: 150 }, (_, number) => `https://h${number}.example`);
    const found = destinationsIn({ many });
    expect(found).toHaveLength(destinationLimits.destinations + 1);
    expect(found.at(-1)).toEqual({ kind: 'url', host: null, argument: '' });
    expect(destinationsIn({ text: 'x'.repeat(2_000_000) })).toEqual([{ kind: 'url', host: null, argument: '' }]);
  });

  it('takes no text for a reason to throw, and hosts have no characters that hosts have not', () => {
    const piece = fc.oneof(
      fc.constantFrom('https://', 'http:', '@', '.', '/', '\\', '%3A%2F%2F', '[', ']', ':', 'a', 'example', '\n', '0x', '1'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.constantFrom('url', 'x'), (pieces, name) => {
        for (const { host } of destinationsIn({ [name]: pieces.join('') })) expect(host ?? 'null').toMatch(/^[a-z0-9_.:-]+$/);
      }),
      { numRuns: 2_000 },
    );
  });
});
