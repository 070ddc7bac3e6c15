import type { Rule } from '@customhouse/policy-contract/rules';
import { matches, takeApart, type PatternParts } from './pattern.js';

/** Whom a rule may be about: what the index looks at. */
export interface Caller {
  readonly agent: string;
  readonly person: string;
  readonly groups: readonly string[];
}

/**
 * The rules of one tool by caller, so that a thousand rules for a thousand teams cost a caller only those of its own team. It may
 * return a rule that does not apply in the end, and never leaves one out that does: the module checks each fully.
 */
export class CallerIndex {
  readonly #anyone: number[] = [];
  readonly #byAgent = new Map<string, number[]>();
  readonly #byPerson = new Map<string, number[]>();
  readonly #byGroup = new Map<string, number[]>();
  readonly #byPattern: { readonly number: number; readonly of: 'agents' | 'people' | 'groups'; readonly patterns: readonly PatternParts[] }[] = [];

  /** `numbers` ascend; each is the place of a rule in `rules`. */
  constructor(numbers: readonly number[], rules: readonly Rule[]) {
    for (const number of numbers) this.#add(number, rules[number]!.who);
  }

  /** Ascending, each number once. The caller must not change the list. */
  rulesFor(caller: Caller): readonly number[] {
    const lists: (readonly number[])[] = [];
    const take = (list: readonly number[] | undefined) => void (list && lists.push(list));
    if (this.#byAgent.size > 0) take(this.#byAgent.get(caller.agent));
    if (this.#byPerson.size > 0) take(this.#byPerson.get(caller.person));
    if (this.#byGroup.size > 0) for (const group of caller.groups) take(this.#byGroup.get(group));
    const patterned = this.#byPattern
      .filter((entry) => namesOf(caller, entry.of).some((name) => entry.patterns.some((parts) => matches(parts, name))))
      .map((entry) => entry.number);
    if (lists.length === 0 && patterned.length === 0) return this.#anyone;
    return [...new Set([...this.#anyone, ...lists.flat(), ...patterned])].sort((a, b) => a - b);
  }

  /** Under one field only, an exact one if there is any: the others are the module's business. */
  #add(number: number, who: Rule['who']): void {
    const fields = [
      { of: 'agents', map: this.#byAgent },
      { of: 'people', map: this.#byPerson },
      { of: 'groups', map: this.#byGroup },
    ] as const;
    const given = fields.filter((field) => who?.[field.of] !== undefined);
    if (given.length === 0) return void this.#anyone.push(number);
    const exact = given.find((field) => who![field.of]!.every((pattern) => !pattern.includes('*')));
    if (!exact) return void this.#byPattern.push({ number, of: given[0]!.of, patterns: who![given[0]!.of]!.map(takeApart) });
    for (const name of new Set(who![exact.of])) {
      const list = exact.map.get(name);
      if (list) list.push(number);
      else exact.map.set(name, [number]);
    }
  }
}

function namesOf(caller: Caller, field: 'agents' | 'people' | 'groups'): readonly string[] {
  if (field === 'agents') return [caller.agent];
  return field === 'people' ? [caller.person] : caller.groups;
}
