/**
 * Finds many literals in one pass, ASCII case ignored. It is the prefilter of every rule that needs a regular expression: a text
 * without any of the literals costs one or two nanoseconds a character and nothing more.
 *
 * Each literal is known by one run of four characters, its rarest. The pass keeps the last four characters as a number and asks
 * a small table whether any literal is known by it; only then are literals compared.
 */
export interface LiteralScanner {
  /**
   * Calls `onHit` with the literal's index and the offset after its last character, until it returns false. Returns whether the
   * text, as far as it was read, is ASCII.
   */
  scan(text: string, onHit: (literal: number, end: number) => boolean): boolean;
}

interface Anchored {
  readonly literal: number;
  /** In lower case. */
  readonly text: string;
  /** How many of its characters lie before the end of the anchor. */
  readonly before: number;
}

const slotBits = 15;
/** Joins upper and lower case, and a few signs that the comparison then tells apart. */
const caseBit = 0x20;

/** Literals are printable ASCII, at least three characters long. One of three is found before ASCII characters and at the end only. */
export function literalScanner(literals: readonly string[]): LiteralScanner {
  const table = new Uint8Array(1 << slotBits);
  const anchors = new Map<number, Anchored[]>();
  const know = (gram: number, anchored: Anchored): void => {
    table[slotOf(gram)] = 1;
    anchors.set(gram, [...(anchors.get(gram) ?? []), anchored]);
  };
  for (const [literal, original] of literals.entries()) {
    if (!/^[\x20-\x7e]{3,}$/.test(original)) throw new RangeError(`the literal ${JSON.stringify(original)} is not three or more characters of printable ASCII`);
    const text = original.toLowerCase();
    if (text.length === 3) for (let next = 0; next < 128; next += 1) if ((next & caseBit) !== 0) know(gramOf(text + String.fromCharCode(next), 0), { literal, text, before: 4 });
    if (text.length > 3) know(gramOf(text, rarest(text)), { literal, text, before: rarest(text) + 4 });
  }

  /** Returns false when the caller has had enough. */
  function report(text: string, end: number, gram: number, onHit: (literal: number, end: number) => boolean): boolean {
    for (const anchored of anchors.get(gram) ?? []) {
      const from = end - anchored.before;
      if (matches(text, from, anchored.text) && !onHit(anchored.literal, from + anchored.text.length)) return false;
    }
    return true;
  }

  return {
    scan(text, onHit) {
      let gram = 0;
      let seen = 0;
      for (let index = 0; index < text.length; index += 1) {
        const code = text.charCodeAt(index);
        seen |= code;
        // Four bytes: what is older has been shifted out, also the second byte of a character that has one.
        gram = (gram << 8) | code | caseBit;
        if (table[Math.imul(gram, 0x9e3779b1) >>> (32 - slotBits)] !== 0 && !report(text, index + 1, gram, onHit)) return seen < 128;
      }
      const last = (gram << 8) | caseBit;
      if (table[slotOf(last)] !== 0) report(text, text.length + 1, last, onHit);
      return seen < 128;
    },
  };
}

function slotOf(gram: number): number {
  return Math.imul(gram, 0x9e3779b1) >>> (32 - slotBits);
}

function gramOf(text: string, at: number): number {
  let gram = 0;
  for (let index = at; index < at + 4; index += 1) gram = (gram << 8) | text.charCodeAt(index) | caseBit;
  return gram;
}

function matches(text: string, from: number, literal: string): boolean {
  if (from < 0 || from + literal.length > text.length) return false;
  for (let index = 0; index < literal.length; index += 1) {
    let code = text.charCodeAt(from + index);
    if (code >= 65 && code <= 90) code |= caseBit;
    if (code !== literal.charCodeAt(index)) return false;
  }
  return true;
}

/** Letters of English text from frequent to rare; everything else is rarer. */
const frequent = ' etaoinsrhldcumfpgwybvkxjqz';

/** Where the four characters begin that are least likely in ordinary text. */
function rarest(text: string): number {
  let best = 0;
  let bestRarity = -1;
  for (let at = 0; at + 4 <= text.length; at += 1) {
    let rarity = 0;
    for (let index = at; index < at + 4; index += 1) {
      const rank = frequent.indexOf(text[index]!);
      rarity += rank < 0 ? frequent.length : rank;
    }
    if (rarity > bestRarity) {
      best = at;
      bestRarity = rarity;
    }
  }
  return best;
}
