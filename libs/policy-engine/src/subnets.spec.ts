import { describe, expect, it } from '@jest/globals';
import { canonicalAddress, Subnets } from './subnets.js';

describe('subnets', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['2001:db8::/32', '2001:db8:1::7', true],
    ['2001:db8::/32', '2001:db9::7', false],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['10.0.0.0/8', '::ffff:10.1.1.1', true],
    ['10.0.0.0/8', '', false],
    ['10.0.0.0/8', '10.1', false],
    ['10.0.0.0/8', '012.1.1.1', false],
    ['10.0.0.0/8', '10.1.1.1:80', false],
    ['0.0.0.0/0', 'localhost', false],
    ['fe80::/10', 'fe80::1%eth0', false],
  ])('%s has %s: %s', (subnet, address, has) => {
    expect(new Subnets([subnet]).has(address)).toBe(has);
  });

  it('are one list', () => {
    const both = new Subnets(['192.0.2.7', '2001:db8::/32']);
    expect([both.has('192.0.2.7'), both.has('2001:db8::1'), both.has('192.0.2.8')]).toEqual([true, true, false]);
    expect(new Subnets([]).has('192.0.2.7')).toBe(false);
  });

  it('has one form for each address', () => {
    expect(canonicalAddress('::FFFF:10.0.0.1')).toBe('10.0.0.1');
    expect(canonicalAddress('2001:0DB8:0:0::1')).toBe('2001:db8::1');
    expect(canonicalAddress('example.com')).toBeUndefined();
  });
});
