/**
 * Whether two names mean one person (or one agent). Case and compatibility forms are ignored: an identity provider that writes
 * `Alice@example.com` and a key that was issued to `alice@example.com` must not make two people of one.
 */
export function samePerson(one: string, other: string): boolean {
  return one === other || folded(one) === folded(other);
}

function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase().trim();
}
