import { describe, expect, it } from '@jest/globals';
import { HostList } from './host-list.js';

const list = new HostList(['api.example.com', '*.example.org', '10.0.0.0/8', '2001:db8::/32', '192.0.2.7', '@example.com', '@*.example.net']);

describe('a list of hosts', () => {
  it.each([
    ['url', 'api.example.com', true],
    ['host', 'api.example.com', true],
    ['mail', 'api.example.com', false],
    ['url', 'example.com', false],
    ['url', 'a.example.org', true],
    ['url', 'a.b.example.org', true],
    ['url', 'example.org', false],
    ['url', 'example.org.evil.net', false],
    ['url', '10.7.7.7', true],
    ['url', '11.7.7.7', false],
    ['host', '2001:db8::9', true],
    ['host', '192.0.2.7', true],
    ['host', '192.0.2.70', false],
    ['mail', 'example.com', true],
    ['mail', 'evil-example.com', false],
    ['mail', 'team.example.net', true],
    ['mail', 'example.net', false],
    ['url', null, false],
    ['mail', null, false],
  ] as const)('has the %s %s: %s', (kind, host, has) => {
    expect(list.has({ kind, host, argument: '/x' })).toBe(has);
  });
});
