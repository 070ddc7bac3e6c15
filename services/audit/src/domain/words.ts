import type { CallRecord } from './call-record.js';

/** A word is a run of letters and digits, in lower case. */
const word = /[\p{L}\p{N}]+/gu;
const longest = 64;
const most = 400;

/** The words of a text, each once. Names fall apart where people would take them apart: `server__read_file` is server, read, file. */
export function wordsOf(...texts: readonly (string | null | undefined)[]): string[] {
  const found = new Set<string>();
  for (const text of texts) {
    for (const [match] of (text ?? '').slice(0, 10_000).normalize('NFKC').toLowerCase().matchAll(word)) {
      if (found.size >= most) return [...found];
      found.add(match.slice(0, longest));
    }
  }
  return [...found];
}

/** What a search by text looks at: names, rules, reasons and messages. Nothing that is sealed. */
export function searchWords({ intent, end, findings }: CallRecord): string[] {
  const rules = intent?.rules.flatMap((rule) => [rule.id, rule.reason]) ?? [];
  return wordsOf(intent?.tool, intent?.server, intent?.exposed, intent?.agent, intent?.person, intent?.method, ...findings, end?.reason, ...rules);
}

/** A query that demands a beginning of every word: `'oil':* & 'pay':*`. Undefined when the text has no word. */
export function prefixQuery(text: string): string | undefined {
  const words = wordsOf(text).slice(0, 20);
  // Letters and digits only, so there is nothing to escape.
  return words.length === 0 ? undefined : words.map((each) => `'${each}':*`).join(' & ');
}
