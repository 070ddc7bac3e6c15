/** Names that mean the same person as another name: by folded name, the name that all of them have in common. */
export type Links = ReadonlyMap<string, string>;

export const noLinks: Links = new Map();

/** The one name of a person, for comparing. */
export function personOf(name: string, links: Links): string {
  const own = folded(name);
  return links.get(own) ?? own;
}

/** Whether two names mean one person. */
export function samePerson(one: string, other: string, links: Links): boolean {
  return one === other || personOf(one, links) === personOf(other, links);
}

/** Whether two names mean one agent. Agents have no linked names. */
export function sameAgent(one: string, other: string): boolean {
  return samePerson(one, other, noLinks);
}

/**
 * Case and compatibility forms are ignored: an identity provider that writes `Alice@example.com` and a key that was issued to
 * `alice@example.com` must not make two people of one.
 */
export function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase().trim();
}
