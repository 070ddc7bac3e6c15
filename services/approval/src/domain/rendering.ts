import { canonicalise, type Json } from '@customhouse/kernel/canonical';

/** What an approver decides on. */
export interface Shown {
  readonly text: string;
  /** False when a value is not in the text but only its digest. */
  readonly complete: boolean;
}

export interface ShownLimits {
  readonly value_chars: number;
  readonly values_count: number;
}

/** `arguments`: opened; or why they cannot be, and the digest that stands for them. */
export interface ToShow {
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly arguments: { readonly opened: Json } | { readonly hidden: string; readonly digest: string };
  /** Whether a credential was found in the value at this path: it is hidden, because what approvers read is copied and kept. */
  readonly secret?: (path: readonly string[]) => boolean;
}

const maxDepth = 32;

/**
 * The text that is shown for a call, one line for each fact and each argument. It depends on nothing but the call: no locale, no
 * time, no order of members. Every argument is in it, or a line that says "hidden" with its length and a keyed digest.
 */
export function render(call: ToShow, digest: (text: string) => string, limits: ShownLimits): Shown {
  const lines = call.facts.map(([name, value]) => `${name}: ${visible(value.replaceAll('\\', '\\\\'))}`);
  if ('hidden' in call.arguments) {
    return { text: [...lines, `arguments: hidden (${call.arguments.hidden}), digest ${call.arguments.digest}`].join('\n'), complete: false };
  }
  const page = new Page(digest, limits, call.secret ?? (() => false));
  page.value([], call.arguments.opened);
  return { text: [...lines, 'arguments:', ...page.end()].join('\n'), complete: page.complete };
}

class Page {
  complete = true;
  private readonly lines: string[] = [];
  private readonly rest: [pointer: string, value: Json][] = [];

  constructor(
    private readonly digest: (text: string) => string,
    private readonly limits: ShownLimits,
    private readonly secret: (path: readonly string[]) => boolean,
  ) {}

  value(path: readonly string[], value: Json): void {
    const pointer = path.map((name) => `/${escapePointer(name)}`).join('');
    if (this.lines.length >= this.limits.values_count) {
      this.rest.push([pointer, value]);
      return;
    }
    if (this.secret(path)) return this.hide(pointer, canonicalise(value), 'credential');
    const members = childrenOf(value);
    if (members.length === 0) return this.leaf(pointer, value);
    if (path.length >= maxDepth) return this.hide(pointer, canonicalise(value), 'nested too deep');
    for (const [name, member] of members) this.value([...path, name], member);
  }

  end(): readonly string[] {
    if (this.rest.length === 0) return this.lines;
    const text = canonicalise(this.rest);
    this.complete = false;
    return [...this.lines, `  … and ${this.rest.length} more: hidden, ${text.length} characters, digest ${this.digest(text)}`];
  }

  private leaf(pointer: string, value: Json): void {
    const text = canonicalise(value);
    if (text.length > this.limits.value_chars) return this.hide(pointer, text, 'long');
    this.lines.push(`  ${place(pointer)} = ${visible(text)}`);
  }

  private hide(pointer: string, text: string, why: string): void {
    this.complete = false;
    this.lines.push(`  ${place(pointer)} = hidden (${why}), ${text.length} characters, digest ${this.digest(text)}`);
  }
}

/** Members of an object in the order of RFC 8785, items of an array in theirs, nothing for a plain value or an empty one. */
function childrenOf(value: Json): readonly [string, Json][] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.map((item, index) => [String(index), item]);
  return Object.keys(value)
    .sort()
    .map((name) => [name, value[name]!]);
}

/** The pointer, in quotes when a name in it could be taken for something else on the line. */
function place(pointer: string): string {
  if (pointer === '') return '(all)';
  return /^[\w./~$@:-]+$/.test(pointer) ? pointer : visible(JSON.stringify(pointer));
}

/** RFC 6901. */
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/**
 * Writes out every character that cannot be seen or that moves others: controls, line breaks, direction marks, zero-width and
 * other ignorable characters, unusual spaces, private and unassigned ones. In JSON text a backslash of the value itself is
 * doubled, so `\u{202E}` here is always ours.
 */
export function visible(text: string): string {
  return text.replaceAll(
    /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}}`,
  );
}
