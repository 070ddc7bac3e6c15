import type { IncomingMessage } from 'node:http';
import { canonicalAddress, type Subnets } from '@customhouse/policy-engine/subnets';

/** Where a request comes from. */
export interface Network {
  /** The client's address. Empty where proxies do not say it in a form that can be believed: no subnet has it. */
  readonly address: string;
  /** Trusted proxies that it came through, the one nearest to the client first. */
  readonly forwarded: readonly string[];
}

const none: readonly string[] = [];

/**
 * The client behind a connection. What the headers `X-Forwarded-For` and `Forwarded` (RFC 7239) say counts as far as trusted proxies wrote it: from
 * the right, up to the first address that is no proxy of ours. A proxy adds to one of them and may pass on what a client wrote into the other, so
 * where both are there and name different clients neither is believed.
 */
export function networkOf({ socket, headers }: Pick<IncomingMessage, 'headers'> & { readonly socket: { readonly remoteAddress?: string | undefined } }, trusted: Subnets): Network {
  const peer = canonicalAddress(socket.remoteAddress?.replace(/%.*$/, '') ?? '') ?? '';
  if (!trusted.has(peer)) return { address: peer, forwarded: none };
  const chains = [forwardedFor(headers['x-forwarded-for']), forwarded(headers.forwarded)].filter((chain) => chain !== undefined);
  const clients = chains.map((chain) => clientOf(peer, chain, trusted));
  const [first] = clients;
  if (first === undefined) return { address: peer, forwarded: none };
  return clients.every(({ address }) => address === first.address) ? first : { address: '', forwarded: first.forwarded };
}

/** A longer way than any that is meant; what lies beyond is not believed. */
const mostProxies = 20;

function clientOf(peer: string, chain: readonly string[], trusted: Subnets): Network {
  const proxies: string[] = [];
  let address = peer;
  for (let at = chain.length - 1; at >= 0 && trusted.has(address); at -= 1) {
    if (proxies.length === mostProxies) return { address: '', forwarded: proxies };
    proxies.unshift(address);
    address = canonicalAddress(chain[at]!) ?? '';
  }
  return { address, forwarded: proxies };
}

function forwardedFor(header: string | readonly string[] | undefined): string[] | undefined {
  if (header === undefined) return undefined;
  return String(header)
    .split(',')
    .map((entry) => withoutPort(entry.trim()));
}

/** `for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"`. Names that hide an address (`unknown`, `_hidden`) are none. */
function forwarded(header: string | undefined): string[] | undefined {
  if (header === undefined) return undefined;
  return header.split(',').map((element) => {
    const pair = element.split(';').find((part) => /^\s*for\s*=/i.test(part));
    const value = pair?.slice(pair.indexOf('=') + 1).trim() ?? '';
    return withoutPort(value.replace(/^"(.*)"$/, '$1'));
  });
}

function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::[0-9]+)?$/.exec(text);
  if (bracketed) return bracketed[1]!;
  return /^[0-9.]+:[0-9]+$/.test(text) ? text.slice(0, text.indexOf(':')) : text;
}
