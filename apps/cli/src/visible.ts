// What agents and upstream servers wrote must not steer the terminal of the person who reads it, nor look like something else:
// control characters, directional overrides and invisible characters are spelled out.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u{115f}\u{1160}\u{3164}\u{ffa0}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]/gu;

/** Text for one line: everything that is not plainly visible, line breaks included, is spelled out. */
export function visibleLine(text: string): string {
  return text.toWellFormed().replaceAll(hidden, spell);
}

/** Text of several lines: line breaks and tabs stay. */
export function visibleBlock(text: string): string {
  return text
    .toWellFormed()
    .replaceAll('\r\n', '\n')
    .replaceAll(hidden, (character) => (character === '\n' || character === '\t' ? character : spell(character)));
}

function spell(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  if (character === '\r') return '\\r';
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
