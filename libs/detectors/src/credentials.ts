import type { CredentialRule } from './credential-rules.js';
import { entropy } from './entropy.js';
import type { CompiledRule } from './rule-pack.js';

/** Where a credential lies in a text. */
export interface CredentialSpan {
  readonly start: number;
  readonly end: number;
  readonly rule: CredentialRule;
}

/** Characters of text that patterns may still be run over; what a hostile text could make expensive. */
export interface Budget {
  characters: number;
}

/** Tries a rule at one of its literals. The pattern sees a window of bounded size, whatever the text. */
export function credentialAt(text: string, literalEnd: number, compiled: CompiledRule & { kind: 'credential' }, budget: Budget): CredentialSpan | undefined {
  const { rule, pattern } = compiled;
  const from = Math.max(0, literalEnd - rule.before);
  const window = text.slice(from, rule.compact ? compactEnd(text, literalEnd, rule.after) : literalEnd + rule.after);
  budget.characters -= window.length;
  if (rule.requires !== undefined && !window.includes(rule.requires, literalEnd - from)) return undefined;
  // Whether it matches is cheap to ask (a DFA); where the group lies costs twenty times as much.
  if (!pattern.test(window)) return undefined;
  budget.characters -= 20 * window.length;
  const matcher = pattern.matcher(window);
  if (!matcher.find()) return undefined;
  const start = from + matcher.start(1);
  let end = from + matcher.end(1);
  // The sentence's own punctuation is not part of what somebody assigned.
  if (rule.assigned) while (end > start && '),.;:]}'.includes(text[end - 1]!)) end -= 1;
  return isCredible(text.slice(start, end), rule) ? { start, end, rule } : undefined;
}

/** The first white space or quote, which is kept in the window, because patterns look at what follows a token. */
function compactEnd(text: string, from: number, after: number): number {
  const limit = Math.min(text.length, from + after);
  for (let index = from; index < limit; index += 1) {
    const code = text.charCodeAt(index);
    if (code <= 32 || code === 34 || code === 39 || code === 96) return index + 1;
  }
  return limit;
}

/** What people write where a credential would be. */
const placeholders = [
  'example',
  'xxxx',
  'your',
  '****',
  '....',
  'placeholder',
  'dummy',
  'redacted',
  'changeme',
  'process.env',
  'os.environ',
  'getenv',
  '0000000000',
  '----------',
  'insert',
  'sample',
];

function isCredible(value: string, rule: CredentialRule): boolean {
  if (rule.entropy > 0 && entropy(value.length > 512 ? value.slice(0, 512) : value) < rule.entropy) return false;
  const lower = value.slice(0, 256).toLowerCase();
  if (rule.severity !== 'critical' && placeholders.some((word) => lower.includes(word))) return false;
  return !rule.assigned || isAssigned(value);
}

/** Values that somebody chose or a machine made: letters and digits, and neither code nor a path nor a plain word. */
function isAssigned(value: string): boolean {
  if (!/[0-9]/.test(value) || !/[A-Za-z]/.test(value)) return false;
  if (/[()[\];\\]/.test(value)) return false;
  if (value.includes('://') || value.startsWith('/') || value.startsWith('./')) return false;
  return !/^v?[0-9]+(?:\.[0-9]+)+/.test(value) && !/^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(value);
}

const secretName = /(?:^|[^a-z])(?:pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)s?$/;
const harmlessName = /(?:page|next|prev|cursor|continuation|sync|count|max|min|total|input|output|completion|prompt|delta|csrf|reset|event|change)/;

/** A member such as `"clientSecret": "…"`, whose name is no part of the text. */
export function isNamedCredential(name: string, value: string): boolean {
  if (value.length < 8 || value.length > 4096 || name.length > 64) return false;
  const plain = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  if (!secretName.test(plain) || harmlessName.test(plain)) return false;
  const password = /pass|pwd/.test(plain);
  if (!password && value.length < 16) return false;
  if (/\s/.test(value) || !isAssigned(value)) return false;
  return isCredible(value, namedRule) && entropy(value.slice(0, 512)) >= (password ? 2.5 : 3);
}

export const namedRule: CredentialRule = { name: 'a secret value', literals: [], pattern: '', before: 0, after: 0, entropy: 2.5, severity: 'medium', assigned: true };
