import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/**
 * Addresses that hand out the machine's own credentials or are nobody's server. A gateway that connects where it is told must
 * not be talked into asking them. Private and loopback addresses are not among them: that is where upstreams live.
 */
const refusedSubnets: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'], // link-local, among them 169.254.169.254 (AWS, Azure, Google, and most others)
  ['100.100.100.200', 32, 'ipv4'], // Alibaba metadata
  ['168.63.129.16', 32, 'ipv4'], // Azure platform
  ['192.0.0.192', 32, 'ipv4'], // Oracle metadata
  ['224.0.0.0', 4, 'ipv4'],
  ['255.255.255.255', 32, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fd00:ec2::254', 128, 'ipv6'], // AWS metadata over IPv6
  ['fd20:ce::254', 128, 'ipv6'], // Google metadata over IPv6
  ['ff00::', 8, 'ipv6'],
  // The same IPv4 addresses inside NAT64 and 6to4.
  ['64:ff9b::a9fe:0', 112, 'ipv6'],
  ['64:ff9b::6464:64c8', 128, 'ipv6'],
  ['64:ff9b::a83f:8110', 128, 'ipv6'],
  ['2002:a9fe::', 32, 'ipv6'],
];

export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
  constructor(host: string, address: string) {
    super(
      `${host === address ? address : `${host} resolves to ${address}, which`} is a link-local or metadata address; no connection is made to it. If that is intended, allow the address in the settings`,
    );
  }
}

type LookupCallback = (error: Error | null, address?: string | LookupAddress[], family?: number) => void;

/** Decides on the address that is connected to, not on the name, so that a name cannot resolve differently a second time. */
export class AddressGuard {
  readonly #refused = new BlockList();
  readonly #allowed = new BlockList();

  /** `allowed`: addresses (`169.254.10.1`) and subnets (`169.254.0.0/16`) that are permitted nevertheless. Throws TypeError for others. */
  constructor(allowed: readonly string[] = []) {
    for (const [net, prefix, family] of refusedSubnets) this.#refused.addSubnet(net, prefix, family);
    for (const entry of allowed) addTo(this.#allowed, entry);
  }

  /** Refuses one more address or subnet. Throws TypeError for anything else. */
  refuse(entry: string): void {
    addTo(this.#refused, entry);
  }

  permits(address: string): boolean {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return !this.#refused.check(address, family) || this.#allowed.check(address, family);
  }

  /** Throws AddressRefused for a URL whose host is a refused address; names are looked at when they are resolved. */
  checkUrl(url: URL): void {
    const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
    if (isIP(host) !== 0 && !this.permits(host)) throw new AddressRefused(host, host);
  }

  /** Takes the place of `dns.lookup` in `net.connect`. One refused address among several refuses the name. */
  readonly lookup = (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    lookup(hostname, options, (error: Error | null, found: string | LookupAddress[], family?: number) => {
      if (error) return callback(error);
      const addresses = typeof found === 'string' ? [found] : found.map((entry) => entry.address);
      const refused = addresses.find((address) => !this.permits(address));
      if (refused !== undefined) return callback(new AddressRefused(hostname, refused));
      callback(null, found, family);
    });
  };
}

function addTo(list: BlockList, entry: string): void {
  const [net = '', prefix] = entry.split('/');
  const family = isIP(net) === 4 ? 'ipv4' : 'ipv6';
  const widest = family === 'ipv4' ? 32 : 128;
  const bits = prefix === undefined ? widest : /^\d+$/.test(prefix) ? Number(prefix) : -1;
  if (isIP(net) === 0 || bits < 0 || bits > widest) throw new TypeError(`"${entry}" is neither an IP address nor a subnet such as 10.0.0.0/8`);
  list.addSubnet(net, bits, family);
}
