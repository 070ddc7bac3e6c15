import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Addresses and subnets, as `Subnet` of contracts/policy writes them. */
export class Subnets {
  readonly #subnets: readonly (readonly [Address, number])[];

  /** Throws where a text is neither an address nor a subnet. */
  constructor(texts: readonly string[]) {
    this.#subnets = texts.map((text) => {
      const [address, bits] = text.includes('/') ? ipaddr.parseCIDR(text) : [ipaddr.parse(text), undefined];
      return [address, bits ?? (address.kind() === 'ipv4' ? 32 : 128)];
    });
  }

  /** False for whatever is no address. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address. */
  has(text: string): boolean {
    const address = addressOf(text);
    return address !== undefined && this.#subnets.some(([subnet, bits]) => subnet.kind() === address.kind() && address.match(subnet, bits));
  }
}

/** One form for each address: `::ffff:10.0.0.1` is `10.0.0.1`, IPv6 in the form of RFC 5952. Undefined for whatever is no address. */
export function canonicalAddress(text: string): string | undefined {
  return addressOf(text)?.toString();
}

/** Only the forms that everybody reads alike: `010.0.0.1` and `10.1` are none. */
function addressOf(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}
