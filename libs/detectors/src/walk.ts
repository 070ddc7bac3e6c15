import type { Json } from '@customhouse/kernel/canonical';

export interface WalkLimits {
  /** Nesting below which nothing is looked at. */
  readonly depth: number;
  /** Characters of all texts and names together. */
  readonly characters: number;
  /** Values of any kind. */
  readonly values: number;
}

export interface Visitor {
  /** A string, with the name of the member that holds it (undefined in an array or at the root). */
  onText(text: string, name: string | undefined, path: readonly string[]): void;
  /** The name of a member. Return false to keep it out of the paths below it. */
  onName(name: string, path: readonly string[]): boolean;
}

/** Visits every text of a value. Returns false when a limit cut it short. */
export function walk(value: Json, limits: WalkLimits, visitor: Visitor): boolean {
  const state = { characters: limits.characters, values: limits.values, whole: true };
  const path: string[] = [];

  function visit(item: Json, name: string | undefined, depth: number): void {
    state.values -= 1;
    if (state.values < 0) return void (state.whole = false);
    if (typeof item === 'string') {
      const text = item.length <= state.characters ? item : item.slice(0, Math.max(0, state.characters));
      if (text.length < item.length) state.whole = false;
      state.characters -= text.length;
      if (text !== '') visitor.onText(text, name, path);
      return;
    }
    if (typeof item !== 'object' || item === null) return;
    if (depth >= limits.depth) return void (state.whole = false);
    if (Array.isArray(item)) visitItems(item, depth);
    else visitMembers(item, depth);
  }

  function visitItems(items: readonly Json[], depth: number): void {
    for (let index = 0; index < items.length && state.values >= 0; index += 1) {
      path.push(String(index));
      visit(items[index]!, undefined, depth + 1);
      path.pop();
    }
  }

  function visitMembers(members: { [name: string]: Json }, depth: number): void {
    for (const name of Object.keys(members)) {
      if (state.values < 0) return;
      state.characters -= name.length;
      if (state.characters < 0) return void (state.whole = false);
      const shown = visitor.onName(name, path);
      path.push(shown ? name : '*');
      visit(members[name]!, name, depth + 1);
      path.pop();
    }
  }

  visit(value, undefined, 0);
  return state.whole;
}

/** `result/content/0/text`: a JSON Pointer without its first slash after the part's name, of bounded length. */
export function locationOf(part: string, path: readonly string[]): string {
  let location = part;
  for (const segment of path) {
    if (location.length > 256) return `${location}/…`;
    const short = segment.length > 64 ? `${segment.slice(0, 64)}…` : segment;
    location += `/${short.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  }
  return location;
}
