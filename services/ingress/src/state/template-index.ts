import { mayMatch, type TemplateParts } from '@customhouse/mcp-wire/resource-uris';

/** Finds the templates that a URI may come from without trying all of them: by how they begin and end. */
export class TemplateIndex<Item extends { readonly parts: TemplateParts }> {
  readonly #byEnds = new Map<string, Item[]>();
  /** Lengths of all beginnings and endings that occur together, each pair once. */
  readonly #lengths: readonly (readonly [beginning: number, ending: number])[];

  constructor(items: Iterable<Item>) {
    const lengths = new Map<string, readonly [number, number]>();
    for (const item of items) {
      const [beginning, ending] = [item.parts[0]!, item.parts.length === 1 ? '' : item.parts.at(-1)!];
      lengths.set(`${beginning.length} ${ending.length}`, [beginning.length, ending.length]);
      const key = keyOf(beginning, ending);
      const same = this.#byEnds.get(key);
      if (same === undefined) this.#byEnds.set(key, [item]);
      else same.push(item);
    }
    this.#lengths = [...lengths.values()];
  }

  *matching(uri: string): Iterable<Item> {
    for (const [beginning, ending] of this.#lengths) {
      if (beginning + ending > uri.length) continue;
      const same = this.#byEnds.get(keyOf(uri.slice(0, beginning), uri.slice(uri.length - ending)));
      if (same !== undefined) for (const item of same) if (mayMatch(item.parts, uri)) yield item;
    }
  }
}

/** Should two pairs ever have one key, they share a list, of which each is compared as a whole. */
function keyOf(beginning: string, ending: string): string {
  return `${beginning}\0${ending}`;
}
