import type { Destination } from '@customhouse/policy-contract/input';
import { matches, takeApart, type PatternParts } from './pattern.js';
import { Subnets } from './subnets.js';

/** Hosts that a rule names (`HostPattern`): names with stars, subnets, and domains of mail addresses. */
export class HostList {
  readonly #hosts: readonly PatternParts[];
  readonly #domains: readonly PatternParts[];
  readonly #subnets: Subnets;

  constructor(patterns: readonly string[]) {
    const domains = patterns.filter((pattern) => pattern.startsWith('@'));
    const subnets = patterns.filter((pattern) => /^[0-9.]+(?:\/[0-9]+)?$/.test(pattern) || pattern.includes(':'));
    this.#domains = domains.map((pattern) => takeApart(pattern.slice(1)));
    this.#subnets = new Subnets(subnets);
    this.#hosts = patterns.filter((pattern) => !domains.includes(pattern) && !subnets.includes(pattern)).map(takeApart);
  }

  /** Nothing is known of a destination that could not be read, so it is in no list. */
  has({ kind, host }: Destination): boolean {
    if (host === null) return false;
    if (kind === 'mail') return this.#domains.some((parts) => matches(parts, host));
    return this.#subnets.has(host) || this.#hosts.some((parts) => matches(parts, host));
  }
}
