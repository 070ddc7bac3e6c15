import { describe, expect, it } from '@jest/globals';
import { Subnets } from '@customhouse/policy-engine/subnets';
import { networkOf } from './network.js';

const trusted = new Subnets(['10.0.0.0/8', '2001:db8:ffff::/48']);
const from = (remoteAddress: string | undefined, headers: Record<string, string> = {}) => networkOf({ socket: { remoteAddress }, headers }, trusted);

describe('where a request comes from', () => {
  it.each<[string, string | undefined, Record<string, string>, string, string[]]>([
    ['a client that connects itself', '203.0.113.7', {}, '203.0.113.7', []],
    ['the same over a socket of IPv6', '::ffff:203.0.113.7', {}, '203.0.113.7', []],
    ['a connection that is gone', undefined, {}, '', []],
    ['a client that claims to be another', '203.0.113.7', { 'x-forwarded-for': '192.0.2.1' }, '203.0.113.7', []],
    ['a proxy that says nothing', '10.0.0.1', {}, '10.0.0.1', []],
    ['a proxy', '10.0.0.1', { 'x-forwarded-for': '203.0.113.7' }, '203.0.113.7', ['10.0.0.1']],
    ['two proxies', '10.0.0.1', { 'x-forwarded-for': '203.0.113.7, 10.0.0.2' }, '203.0.113.7', ['10.0.0.2', '10.0.0.1']],
    ['what the client wrote before the proxies did', '10.0.0.1', { 'x-forwarded-for': '10.9.9.9, 192.0.2.1, 203.0.113.7, 10.0.0.2' }, '203.0.113.7', ['10.0.0.2', '10.0.0.1']],
    ['a proxy for a client of the same network', '10.0.0.1', { 'x-forwarded-for': '10.5.5.5' }, '10.5.5.5', ['10.0.0.1']],
    ['a port', '10.0.0.1', { 'x-forwarded-for': '203.0.113.7:5123' }, '203.0.113.7', ['10.0.0.1']],
    ['an IPv6 address with a port', '10.0.0.1', { 'x-forwarded-for': '[2001:DB8::1]:5123' }, '2001:db8::1', ['10.0.0.1']],
    ['RFC 7239', '10.0.0.1', { forwarded: 'for=192.0.2.60;proto=http;by=203.0.113.43' }, '192.0.2.60', ['10.0.0.1']],
    ['RFC 7239 with quotes', '10.0.0.1', { forwarded: 'proto=https; For="[2001:db8:cafe::17]:4711", for=10.0.0.3' }, '2001:db8:cafe::17', ['10.0.0.3', '10.0.0.1']],
    ['a client that is hidden', '10.0.0.1', { forwarded: 'for=unknown' }, '', ['10.0.0.1']],
    ['a client that is not named', '10.0.0.1', { forwarded: 'proto=https' }, '', ['10.0.0.1']],
    ['nonsense', '10.0.0.1', { 'x-forwarded-for': '203.0.113.7 or so' }, '', ['10.0.0.1']],
    ['an address that some read otherwise', '10.0.0.1', { 'x-forwarded-for': '010.0.0.7' }, '', ['10.0.0.1']],
    ['both headers that agree', '10.0.0.1', { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7' }, '203.0.113.7', ['10.0.0.1']],
    ['both headers that do not, since a client may have written one', '10.0.0.1', { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=192.0.2.1' }, '', ['10.0.0.1']],
  ])('%s', (_, remote, headers, address, forwarded) => {
    expect(from(remote, headers)).toEqual({ address, forwarded });
  });

  it('is not believed beyond twenty proxies', () => {
    const chain = ['203.0.113.7', ...Array.from({ length: 30 }, () => '10.0.0.2')].join(', ');
    expect(from('10.0.0.1', { 'x-forwarded-for': chain }).address).toBe('');
    expect(from('10.0.0.1', { 'x-forwarded-for': chain }).forwarded).toHaveLength(20);
  });

  it('is the connection where nobody is trusted', () => {
    expect(networkOf({ socket: { remoteAddress: '127.0.0.1' }, headers: { 'x-forwarded-for': '192.0.2.1' } }, new Subnets([]))).toEqual({ address: '127.0.0.1', forwarded: [] });
  });
});
