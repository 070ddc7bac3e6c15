import { samePerson, type Links } from './person.js';

/** A right that somebody wants to give to somebody else. Unix milliseconds. */
export interface Gift {
  readonly from: string;
  readonly to: string;
  readonly expires_ms: number;
}

/** Why it cannot be given; undefined when it can. `most_ms`: the longest time. */
export function objectionTo({ from, to, expires_ms }: Gift, now: number, most_ms: number, links: Links): string | undefined {
  if (samePerson(from, to, links)) return `${to} is yourself`;
  // Written so that an expiry that cannot be read is refused.
  if (!(expires_ms > now)) return 'it would have expired already, or its expiry is no date';
  if (expires_ms > now + most_ms) return `it would last longer than ${most_ms / 1000} seconds`;
  return undefined;
}
