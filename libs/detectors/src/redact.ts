import type { Finding } from '@customhouse/events/finding/finding';
import type { Json } from '@customhouse/kernel/canonical';
import type { CredentialSpan } from './credentials.js';
import { credentialAt, isNamedCredential } from './credentials.js';
import { defaultLimits } from './inspect.js';
import type { RulePack } from './rule-pack.js';

const mask = '[credential removed]';

/**
 * The value with every credential that `inspect` would find replaced by a note. The value itself is not changed; without a
 * finding of the rule `credential` it is returned as it is. What lies below the inspection's depth is cut off, because nobody looked at it.
 */
export function redact(pack: RulePack, value: Json, findings: readonly Finding[]): Json {
  if (!findings.some((finding) => finding.rule === 'credential')) return value;
  return redactValue(pack, value, undefined, 0);
}

function redactValue(pack: RulePack, value: Json, name: string | undefined, depth: number): Json {
  if (typeof value === 'string') {
    const clean = redactText(pack, value);
    return clean === value && name !== undefined && isNamedCredential(name, value) ? mask : clean;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= defaultLimits.depth) return null;
  if (Array.isArray(value)) return value.map((item) => redactValue(pack, item, undefined, depth + 1));
  const members: [string, Json][] = Object.entries(value).map(([key, item]) => [redactText(pack, key), redactValue(pack, item, key, depth + 1)]);
  return Object.fromEntries(members);
}

/** Every credential in a text replaced. When the budget is spent, the rest of the text goes: nobody knows what is in it. */
function redactText(pack: RulePack, text: string): string {
  const spans: CredentialSpan[] = [];
  const budget = { characters: 10 * defaultLimits.patterns };
  let seen = text.length;
  pack.scanner.scan(text, (literal, end) => {
    for (const compiled of pack.rulesOf[literal]!) {
      if (compiled.kind !== 'credential') continue;
      if (budget.characters < 0) {
        seen = end;
        return false;
      }
      const span = credentialAt(text, end, compiled, budget);
      if (span) spans.push(span);
    }
    return true;
  });
  if (spans.length === 0 && seen === text.length) return text;
  spans.sort((one, other) => one.start - other.start);
  let result = '';
  let at = 0;
  for (const span of spans) {
    if (span.end <= at) continue;
    if (span.start >= at) result += text.slice(at, span.start) + mask;
    at = span.end;
  }
  return seen === text.length ? result + text.slice(at) : `${result}[the rest was too suspicious to be shown]`;
}
