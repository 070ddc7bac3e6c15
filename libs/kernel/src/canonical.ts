/** A value as `JSON.parse` makes them. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/**
 * RFC 8785 (JSON Canonicalization Scheme): member names sorted by UTF-16 code units, no white space, numbers and strings
 * as ECMAScript writes them. Members that are undefined are left out, as `JSON.stringify` does.
 *
 * Lone surrogates are written as `\udXXX` escapes rather than refused: what an upstream sent must be recordable.
 * Throws TypeError for what JSON cannot hold: NaN, infinities, bigint, functions, dates and other instances of classes,
 * undefined inside arrays. Throws RangeError for cycles and for nesting deeper than the stack.
 *
 * It stands on the path of every call, so the engine's own JSON.stringify does the writing, of a value whose members have
 * been put in order first. What is in order already is not copied. `node libs/kernel/bench/canonical.mjs` compares the two.
 */
export function canonicalise(value: unknown): string {
  const ordered = order(value);
  return ordered === unorderable ? write(value) : JSON.stringify(ordered);
}

/** Stands for an object whose order no JavaScript object can have (see orderMembers). */
const unorderable = Symbol('unorderable');

/** The same value with sorted members: itself where they were, else a copy. */
function order(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
      return value;
    case 'object':
      if (value === null) return value;
      return Array.isArray(value) ? orderItems(value) : orderMembers(value as Record<string, unknown>);
    default:
      throw new TypeError(`a value of type ${typeof value} has no JSON form`);
  }
}

function orderItems(items: readonly unknown[]): unknown {
  let result: unknown[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    const ordered = order(item);
    if (ordered === item) continue;
    if (ordered === unorderable) return unorderable;
    result ??= items.slice();
    result[index] = ordered;
  }
  return result ?? items;
}

function orderMembers(members: Record<string, unknown>): unknown {
  requirePlain(members);
  const names = Object.keys(members);
  if (!isSorted(names)) return copySorted(members, sortNames(names));
  let result: Record<string, unknown> | undefined;
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index]!;
    const member = members[name];
    if (member === undefined) continue;
    const ordered = order(member);
    if (ordered === member) continue;
    if (ordered === unorderable || name === '__proto__') return unorderable;
    result ??= { ...members };
    result[name] = ordered;
  }
  return result ?? members;
}

/** Refuses instances of classes. The last test lets plain objects of another realm pass: their prototype has none either. */
function requirePlain(members: object): void {
  const prototype: unknown = Object.getPrototypeOf(members);
  if (prototype === Object.prototype || prototype === null) return;
  if (Object.getPrototypeOf(prototype) !== null) throw new TypeError(`an instance of ${members.constructor?.name ?? 'a class'} has no JSON form`);
}

/**
 * JavaScript lists names that look like array indices first and in the order of their numbers (9 before 10, where RFC 8785 wants
 * "10" before "9"), and assigning `__proto__` makes no member. Such objects, rare as they are, are written by hand.
 */
function copySorted(members: Record<string, unknown>, names: readonly string[]): unknown {
  const copy: Record<string, unknown> = {};
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index]!;
    const first = name.charCodeAt(0);
    if ((first >= 48 && first <= 57) || name === '__proto__') return unorderable;
    const member = members[name];
    if (member === undefined) continue;
    const ordered = order(member);
    if (ordered === unorderable) return unorderable;
    copy[name] = ordered;
  }
  return copy;
}

function isSorted(names: readonly string[]): boolean {
  for (let index = 1; index < names.length; index += 1) {
    if (names[index - 1]! > names[index]!) return false;
  }
  return true;
}

/** Sorts in place by UTF-16 code units. Insertion beats the general sort on the few names that most objects have. */
function sortNames(names: string[]): string[] {
  if (names.length > 24) return names.sort();
  for (let index = 1; index < names.length; index += 1) {
    const name = names[index]!;
    let place = index;
    while (place > 0 && names[place - 1]! > name) {
      names[place] = names[place - 1]!;
      place -= 1;
    }
    names[place] = name;
  }
  return names;
}

/** The plain way: any value, by concatenation. It checks again, because `order` stopped at the first unorderable object. */
function write(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(order(value));
  if (Array.isArray(value)) return `[${Array.from(value, write).join(',')}]`;
  requirePlain(value);
  const members = value as Record<string, unknown>;
  const names = Object.keys(members)
    .sort()
    .filter((name) => members[name] !== undefined);
  return `{${names.map((name) => `${JSON.stringify(name)}:${write(members[name])}`).join(',')}}`;
}
