/** What is wrong with the characters of a text, whatever it says. */
export interface CharacterProblem {
  readonly rule: 'hidden-characters' | 'bidirectional-controls' | 'terminal-escapes' | 'lookalike-characters';
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly message: string;
}

/** One character class, no repetition: linear in V8's engine as well. True for the few texts that deserve the slow look. */
const suspicious =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\udb40]/;
const lookalikeScripts = /[\u0370-\u03ff\u0400-\u04ff]/;

interface Counts {
  hidden: number;
  tags: number;
  selectors: number;
  overrides: number;
  embeddings: number;
  open: number;
  rightToLeft: boolean;
  escapes: number;
}

/** `strict` is for definitions, whose authors have no reason for any of it. */
export function inspectCharacters(text: string, strict: boolean): CharacterProblem[] {
  const problems: CharacterProblem[] = [];
  if (suspicious.test(text)) judge(count(text), text.length, strict, problems);
  if (strict && lookalikeScripts.test(text)) {
    const words = mixedWords(text);
    if (words > 0)
      problems.push({
        rule: 'lookalike-characters',
        severity: words >= 3 ? 'high' : 'medium',
        message: `${words} ${words === 1 ? 'word mixes' : 'words mix'} Latin letters with letters of another script that look the same`,
      });
  }
  return problems;
}

function judge(counts: Counts, length: number, strict: boolean, problems: CharacterProblem[]): void {
  const invisible = counts.hidden + counts.selectors;
  if (counts.tags > 0) {
    problems.push({ rule: 'hidden-characters', severity: 'critical', message: `${counts.tags} Unicode tag characters, which no screen shows and a model reads as text` });
  } else if (invisible >= 8 && invisible * 20 >= length) {
    problems.push({ rule: 'hidden-characters', severity: 'high', message: `${invisible} invisible characters between the visible ones` });
  } else if (strict ? invisible > 0 : invisible >= 8) {
    problems.push({ rule: 'hidden-characters', severity: strict ? 'medium' : 'low', message: `${invisible} invisible ${invisible === 1 ? 'character' : 'characters'}` });
  }
  // Isolates that are closed again are how honest software mixes directions; overrides and loose ends are not.
  if (counts.overrides > 0)
    problems.push({ rule: 'bidirectional-controls', severity: 'high', message: `${counts.overrides} controls that reverse the order in which text is shown` });
  else if (counts.open !== 0 || (strict && counts.embeddings > 0 && !counts.rightToLeft))
    problems.push({
      rule: 'bidirectional-controls',
      severity: strict ? 'high' : 'medium',
      message: 'controls of the text direction that are left open, or in a text without right-to-left script',
    });
  if (counts.escapes > 0)
    problems.push({ rule: 'terminal-escapes', severity: strict ? 'high' : 'low', message: `${counts.escapes} control characters that can hide text in a terminal` });
}

function count(text: string): Counts {
  const counts: Counts = { hidden: 0, tags: 0, selectors: 0, overrides: 0, embeddings: 0, open: 0, rightToLeft: false, escapes: 0 };
  let previous = 0;
  let inFlag = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.codePointAt(index)!;
    if (code > 0xffff) index += 1;
    if (code >= 0xe0000 && code <= 0xe007f) {
      // The flags of England, Scotland and Wales are a black flag followed by tags.
      if (inFlag) continue;
      counts.tags += 1;
    } else if (code >= 0xe0100 && code <= 0xe01ef) {
      counts.selectors += 1;
    } else {
      countPlain(code, previous, index === 0, text.codePointAt(index + 1) ?? 0, counts);
    }
    inFlag = code === 0x1f3f4 || (inFlag && code >= 0xe0000 && code <= 0xe007f);
    previous = code;
  }
  return counts;
}

function countPlain(code: number, previous: number, first: boolean, next: number, counts: Counts): void {
  if (code >= 0x590 && code <= 0x8ff) counts.rightToLeft = true;
  if (code === 0x1b || code === 0x08 || code === 0x9b || code === 0x7f || (code < 0x20 && code !== 9 && code !== 10 && code !== 13 && code !== 12)) counts.escapes += 1;
  else if (code === 0x202d || code === 0x202e) {
    counts.overrides += 1;
  } else if (code === 0x202a || code === 0x202b || (code >= 0x2066 && code <= 0x2068)) {
    counts.embeddings += 1;
    counts.open += 1;
  } else if (code === 0x202c || code === 0x2069) {
    counts.open -= 1;
  } else if (code === 0x200c || code === 0x200d) {
    if (!joins(previous, next)) counts.hidden += 1;
  } else if (code === 0xfeff) {
    if (!first) counts.hidden += 1;
  } else if (code >= 0xfe00 && code <= 0xfe0e) {
    // Fifteen of the sixteen are rare; the sixteenth (emoji presentation) is everywhere.
    if (previous < 0x2000) counts.selectors += 1;
  } else if (isInvisible(code)) counts.hidden += 1;
}

function isInvisible(code: number): boolean {
  return (
    code === 0xad ||
    code === 0x34f ||
    code === 0x115f ||
    code === 0x1160 ||
    code === 0x17b4 ||
    code === 0x17b5 ||
    (code >= 0x180b && code <= 0x180f) ||
    code === 0x200b ||
    (code >= 0x2060 && code <= 0x2065) ||
    (code >= 0x206a && code <= 0x206f) ||
    code === 0x3164 ||
    code === 0xffa0 ||
    (code >= 0xfff9 && code <= 0xfffb)
  );
}

/** Joiners belong between emoji, and inside scripts whose letters change their form. */
function joins(previous: number, next: number): boolean {
  const shaped = (code: number): boolean => (code >= 0x590 && code <= 0x109f) || (code >= 0x1780 && code <= 0x18af);
  const pictured = (code: number): boolean => code === 0xfe0f || (code >= 0x2190 && code <= 0x2bff) || code >= 0x1f000;
  return shaped(previous) || (pictured(previous) && (pictured(next) || next === 0x2640 || next === 0x2642));
}

/** Cyrillic and Greek letters that are drawn like Latin ones. */
const lookalikes: ReadonlyMap<string, string> = new Map(
  Object.entries({
    а: 'a',
    с: 'c',
    е: 'e',
    о: 'o',
    р: 'p',
    х: 'x',
    у: 'y',
    і: 'i',
    ѕ: 's',
    ј: 'j',
    ԁ: 'd',
    һ: 'h',
    ӏ: 'l',
    ԛ: 'q',
    ԝ: 'w',
    в: 'b',
    к: 'k',
    м: 'm',
    н: 'h',
    т: 't',
    г: 'r',
    п: 'n',
    А: 'A',
    В: 'B',
    С: 'C',
    Е: 'E',
    Н: 'H',
    І: 'I',
    Ј: 'J',
    К: 'K',
    М: 'M',
    О: 'O',
    Р: 'P',
    Ѕ: 'S',
    Т: 'T',
    Х: 'X',
    У: 'Y',
    α: 'a',
    ο: 'o',
    ν: 'v',
    ρ: 'p',
    ι: 'i',
    κ: 'k',
    υ: 'u',
    χ: 'x',
    τ: 't',
    ω: 'w',
    Α: 'A',
    Β: 'B',
    Ε: 'E',
    Ζ: 'Z',
    Η: 'H',
    Ι: 'I',
    Κ: 'K',
    Μ: 'M',
    Ν: 'N',
    Ο: 'O',
    Ρ: 'P',
    Τ: 'T',
    Υ: 'Y',
    Χ: 'X',
  }),
);

function mixedWords(text: string): number {
  let words = 0;
  let latin = false;
  let alike = false;
  for (let index = 0; index <= text.length; index += 1) {
    const code = index < text.length ? text.charCodeAt(index) : 32;
    if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122)) latin = true;
    else if (code >= 0x370 && code <= 0x4ff) alike ||= lookalikes.has(text[index]!);
    else {
      if (latin && alike) words += 1;
      latin = false;
      alike = false;
    }
  }
  return words;
}

const tags = /[\u{e0020}-\u{e007e}]/gu;
const invisible = /[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0100}-\u{e01ef}]+/gu;

/** The text as a model reads it: tags become letters, invisible characters go, lookalikes become what they look like. */
export function unmask(text: string): string {
  return text
    .replace(tags, (tag) => String.fromCharCode(tag.codePointAt(0)! - 0xe0000))
    .replace(invisible, '')
    .replace(/[\u0370-\u04ff]/g, (letter) => lookalikes.get(letter) ?? letter);
}

/** True when a model would read the text differently from what a filter sees: `unmask` is worth its cost then. */
export function isMasked(text: string): boolean {
  return suspicious.test(text) || (lookalikeScripts.test(text) && mixedWords(text) > 0);
}
