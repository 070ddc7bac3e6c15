/** A value as `JSON.parse` makes them. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/**
 * RFC 8785 (JSON Canonicalization Scheme): member names sorted by UTF-16 code units, no white space, numbers and strings
 * as ECMAScript writes them. Members that are undefined are left out, as `JSON.stringify` does.
 *
 * Lone surrogates are written as `\udXXX` escapes rather than refused: what an upstream sent must be recordable.
 * Throws TypeError for what JSON cannot hold: NaN, infinities, bigint, functions, undefined inside arrays, cycles (RangeError).
 */
export function canonicalise(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as Record<string, unknown>);
    default:
      throw new TypeError(`a ${typeof value} has no JSON form`);
  }
}

function canonicalArray(items: readonly unknown[]): string {
  let text = '[';
  for (let index = 0; index < items.length; index += 1) {
    if (index > 0) text += ',';
    text += canonicalise(items[index]);
  }
  return text + ']';
}

function canonicalObject(members: Record<string, unknown>): string {
  const names = Object.keys(members).sort();
  let text = '{';
  for (const name of names) {
    const member = members[name];
    if (member === undefined) continue;
    if (text.length > 1) text += ',';
    text += JSON.stringify(name) + ':' + canonicalise(member);
  }
  return text + '}';
}
