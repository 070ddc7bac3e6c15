const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const run = /[A-Za-z0-9+/_-]{40,}/g;

/** Readable texts that are hidden as base64 in a text: at least forty characters of it, and nearly all printable. At most eight. */
export function readableBase64(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(run)) {
    const decoded = decode(match[0].slice(0, 8_192));
    if (isReadable(decoded)) found.push(decoded);
    if (found.length === 8) break;
  }
  return found;
}

function decode(encoded: string): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const character of encoded) {
    const digit = alphabet.indexOf(character === '-' ? '+' : character === '_' ? '/' : character);
    value = ((value << 6) | digit) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    text += String.fromCharCode((value >> bits) & 0xff);
  }
  return text;
}

function isReadable(text: string): boolean {
  let printable = 0;
  let spaces = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if ((code >= 32 && code < 127) || code === 10) printable += 1;
    if (code === 32) spaces += 1;
  }
  return printable >= text.length * 0.95 && spaces >= 3;
}
