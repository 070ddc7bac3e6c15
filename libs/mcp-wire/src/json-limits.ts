export interface JsonLimits {
  /** Arrays and objects inside one another. */
  readonly depth: number;
  /** Members of all objects and items of all arrays together. */
  readonly members: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Looks over the bytes of a JSON text before anything parses it, without recursion and without allocation. Says which limit is
 * passed; undefined for a text within them, which may still not be JSON.
 *
 * Members are counted by commas and opening brackets, so an empty array counts as one: an upper bound, which is what a limit needs.
 */
export function passedLimit(text: Uint8Array, limits: JsonLimits): keyof JsonLimits | undefined {
  let depth = 0;
  let members = 0;
  for (let index = 0; index < text.length; index += 1) {
    switch (text[index]) {
      case quote:
        index = endOfString(text, index);
        break;
      case openBrace:
      case openBracket:
        depth += 1;
        members += 1;
        if (depth > limits.depth) return 'depth';
        break;
      case closeBrace:
      case closeBracket:
        depth -= 1;
        break;
      case comma:
        members += 1;
        break;
      default:
    }
    if (members > limits.members) return 'members';
  }
  return undefined;
}

/** Index of the closing quote, or of the end of the text. */
function endOfString(text: Uint8Array, start: number): number {
  let index = text.indexOf(quote, start + 1);
  while (index >= 0 && isEscaped(text, index)) index = text.indexOf(quote, index + 1);
  return index < 0 ? text.length : index;
}

function isEscaped(text: Uint8Array, index: number): boolean {
  let backslashes = 0;
  while (text[index - 1 - backslashes] === backslash) backslashes += 1;
  return backslashes % 2 === 1;
}
