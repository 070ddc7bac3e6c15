import { describe, expect, it } from '@jest/globals';
import { AddressGuard, AddressRefused } from './address-guard.js';

describe('the address guard', () => {
  const guard = new AddressGuard();

  it.each([
    '169.254.169.254',
    '169.254.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    'fe80::1',
    '::',
    'fd00:ec2::254',
    'fd20:ce::254',
    'ff02::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
  ])('refuses %s', (address) => expect(guard.permits(address)).toBe(false));

  it.each(['127.0.0.1', '::1', '10.1.2.3', '192.168.1.1', '172.16.0.1', '100.100.100.201', '93.184.216.34', 'fd12:3456::1', '2606:2800:220:1::1', '::ffff:10.0.0.1'])(
    'permits %s',
    (address) => expect(guard.permits(address)).toBe(true),
  );

  it('permits what was allowed by name, and nothing beside it', () => {
    const lenient = new AddressGuard(['169.254.10.0/24', 'fe80::1']);
    expect(['169.254.10.7', '169.254.11.7', 'fe80::1', 'fe80::2'].map((address) => lenient.permits(address))).toEqual([true, false, true, false]);
  });

  it.each(['example.com', '10.0.0.0/33', '10.0.0.0/x', ''])('does not take "%s" for an address', (entry) =>
    expect(() => new AddressGuard([entry])).toThrow(/neither an IP address nor a subnet/),
  );

  it.each(['http://169.254.169.254/', 'http://[fe80::1]:8080/', 'http://0xa9fea9fe/', 'http://[::ffff:169.254.169.254]/'])('refuses the URL %s', (url) =>
    expect(() => guard.checkUrl(new URL(url))).toThrow(AddressRefused),
  );

  it.each([true, false])('refuses a name that resolves to a refused address (all: %s)', async (all) => {
    const strict = new AddressGuard();
    // `localhost` is the one name that every machine can resolve; here it stands for a name that an attacker controls.
    strict.refuse('127.0.0.0/8');
    strict.refuse('::1/128');
    const error = await new Promise((resolve) => strict.lookup('localhost', { all }, resolve));
    expect(error).toBeInstanceOf(AddressRefused);
    expect((error as Error).message).toMatch(/^localhost resolves to /);
    const fine = await new Promise((resolve) => guard.lookup('localhost', { all }, resolve));
    expect(fine).toBeNull();
  });
});
