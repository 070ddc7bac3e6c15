/** A pattern of names taken apart at its stars: the form in which the Rego module and this library both compare. */
export type PatternParts = { readonly exact: string } | { readonly first: string; readonly middle: readonly string[]; readonly last: string };

/** `*` stands for any run of characters, also none; everything else stands for itself. */
export function takeApart(pattern: string): PatternParts {
  const parts = pattern.split(/\*+/);
  if (parts.length === 1) return { exact: pattern };
  return { first: parts[0]!, middle: parts.slice(1, -1), last: parts.at(-1)! };
}

/** Takes time linear in the text for a given pattern: each part between stars is searched once, from where the one before ended. */
export function matches(parts: PatternParts, text: string): boolean {
  if ('exact' in parts) return text === parts.exact;
  if (!text.startsWith(parts.first) || !text.endsWith(parts.last)) return false;
  const end = text.length - parts.last.length;
  let at = parts.first.length;
  if (end < at) return false;
  for (const part of parts.middle) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
