import type { Json } from '@customhouse/kernel/canonical';
import type { Destination } from '@customhouse/policy-contract/input';
import { readHost } from './host.js';
import { walk, type WalkLimits } from './walk.js';

export interface DestinationLimits extends WalkLimits {
  /** Destinations; what goes beyond is one that cannot be read. */
  readonly destinations: number;
}

export const destinationLimits: DestinationLimits = { depth: 64, characters: 1_000_000, values: 100_000, destinations: 100 };

/**
 * Where a call would send something, as far as its arguments say: hosts of URLs and domains of mail addresses anywhere in a text, and names and
 * addresses of hosts in arguments whose name says that one is meant (`host`, `url`, `endpoint`). Each is named once for each argument. What looks
 * like a destination and could be read in two ways has the host null, and so has what no longer fits the limits. Takes time linear in the size of
 * the arguments; does not throw.
 */
export function destinationsIn(value: Json, limits: DestinationLimits = destinationLimits): Destination[] {
  const found = new Found(limits.destinations);
  const whole = walk(value, limits, {
    onText: (text, name, path) => lookAt(text, name ?? path.findLast((segment) => !/^[0-9]+$/.test(segment)), (kind, host) => found.add(kind, host, path)),
    onName: (name) => name.length <= 64 && name.isWellFormed(),
  });
  return found.finish(whole);
}

type Report = (kind: Destination['kind'], host: string | undefined) => void;

class Found {
  readonly #seen = new Map<string, Destination>();
  #whole = true;

  constructor(private readonly most: number) {}

  add(kind: Destination['kind'], host: string | undefined, path: readonly string[]): void {
    const destination = { kind, host: host ?? null, argument: pointerOf(path) };
    const key = JSON.stringify([kind, destination.host, destination.argument]);
    if (this.#seen.has(key)) return;
    if (this.#seen.size >= this.most) this.#whole = false;
    else this.#seen.set(key, destination);
  }

  finish(whole: boolean): Destination[] {
    return [...this.#seen.values(), ...(whole && this.#whole ? [] : [{ kind: 'url' as const, host: null, argument: '' }])];
  }
}

function pointerOf(path: readonly string[]): string {
  let pointer = '';
  for (const segment of path) {
    pointer += `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (pointer.length > 256) return pointer.slice(0, 256).toWellFormed();
  }
  return pointer;
}

function lookAt(text: string, name: string | undefined, report: Report): void {
  // JSON within a text escapes its slashes, and a URL within a URL its punctuation.
  const plain = text.includes('\\/') ? text.replaceAll('\\/', '/') : text;
  const before = urlsIn(plain, report);
  if (/%(?:25)*3a%(?:25)*2f/i.test(plain)) urlsIn(decoded(plain), report);
  mailIn(plain, report);
  if (!before && name !== undefined && meansHost.test(name)) bareHost(plain, report);
}

/** Schemes that fetch with or without slashes, as browsers read them; and whatever else has `://`. */
const url = /\b(?:https?|wss?|ftps?|sftp|ssh|smtps?|ldaps?|git|redis|postgres(?:ql)?|mysql|mongodb(?:\+srv)?|amqps?):[/\\]*|\b[a-z][a-z0-9+.-]{0,30}:[/\\]{2,}/gi;
const endOfAuthority = /[/\\?#\s"'<>`{}|^,;()]/;
const strippedByBrowsers = /[\t\n\r]/;
const local = /^(?:file|data|about|javascript|blob|urn|resource|ui):/i;

/** Answers whether there was any. */
function urlsIn(text: string, report: Report): boolean {
  let any = false;
  for (const match of text.matchAll(url)) {
    const begin = match.index + match[0].length;
    const rest = text.slice(begin, begin + longestAuthority);
    const end = rest.search(endOfAuthority);
    const authority = end < 0 ? rest : rest.slice(0, end);
    if (authority === '' && (local.test(match[0]) || !/[/\\]$/.test(match[0]))) continue;
    if (local.test(match[0])) continue;
    any = true;
    // Browsers leave out tabs and ends of lines, so what is one URL has none; a text around it may.
    const broken = end >= 0 && strippedByBrowsers.test(rest[end]!) && match.index === 0;
    report('url', broken || authority.length >= longestAuthority ? undefined : readHost(authority.replace(/[.:!]+$/, '')));
  }
  if (/^\s*[/\\]{2}[^/\\]/.test(text)) {
    any = true;
    const rest = text.trimStart().slice(2, 2 + longestAuthority);
    const end = rest.search(endOfAuthority);
    report('url', readHost(end < 0 ? rest : rest.slice(0, end)));
  }
  return any;
}

const longestAuthority = 2_048;

/** Undoes percent-encoding, also where it was done twice. */
function decoded(text: string): string {
  let plain = text;
  for (let round = 0; round < 3 && plain.includes('%'); round += 1) plain = plain.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
  return plain;
}

/** A URL has its `@` behind a scheme, a mail address has none before it. */
const beforeAt = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]$/u;
const mailDomain = /^[^\s<>()[\]\\,;:"'@/?#]+/;

function mailIn(text: string, report: Report): void {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    if (!beforeAt.test(text.slice(Math.max(0, at - 2), at)) || isInAuthority(text, at)) continue;
    const [domain = ''] = mailDomain.exec(text.slice(at + 1, at + 1 + longestAuthority)) ?? [];
    const host = readHost(domain.replace(/[.!]+$/, ''));
    if (text[at + 1] === '[') report('mail', undefined);
    // `node@24` and `zod@4.1.0` are versions; whatever else has a dot, or something like one, may be an address.
    else if (host === undefined ? /[.\P{ASCII}]/u.test(domain) && !/[.][0-9]+$/.test(domain) : host.includes('.')) report('mail', host);
  }
}

/** The name before the host of a URL: `https://user@host`. */
function isInAuthority(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - longestAuthority), at);
  return /:[/\\]{1,}[^\s/\\?#"'<>]*$/.test(before);
}

/** Names of arguments whose value is a host where it is no URL. */
const meansHost =
  /^(?:.*[_\-.])?(?:hosts?|hostname|domains?|url|urls|uri|uris|endpoint|webhook|callback|server|proxy|remote|site|website|ip|ip_?address|addr|base_?url|target_?url)$|(?:Host|Hostname|Domain|Url|URL|Uri|URI|Endpoint|Webhook|Callback|Proxy|Address)$/;

function bareHost(text: string, report: Report): void {
  const trimmed = text.trim();
  if (trimmed === '' || /^[/.#?\\]/.test(trimmed) || trimmed.includes('@') || local.test(trimmed)) return;
  const end = trimmed.search(endOfAuthority);
  report('host', readHost(end < 0 ? trimmed : trimmed.slice(0, end)));
}
