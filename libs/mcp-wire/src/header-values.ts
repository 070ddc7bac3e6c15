/** How a text travels in a header of the modern era: as it is where it can, else as its UTF-8 in base64 between these marks. */
const opening = '=?base64?';
const closing = '?=';

/** Base64, padded, of the text's UTF-8; an input because this library has no platform. */
export type ToBase64 = (text: string) => string;

export function headerValue(text: string, toBase64: ToBase64): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/.test(text) && !isEncoded(text);
  return plain || text === '' ? text : opening + toBase64(text) + closing;
}

/**
 * Whether a header says this text. Base64 is compared in its one canonical form, so what could be decoded in more than one way, or
 * not at all, says nothing.
 */
export function headerSays(value: string, text: string, toBase64: ToBase64): boolean {
  const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, '');
  if (isEncoded(trimmed)) return trimmed.slice(opening.length, -closing.length) === toBase64(text);
  return trimmed === text;
}

function isEncoded(text: string): boolean {
  return text.length >= opening.length + closing.length && text.startsWith(opening) && text.endsWith(closing);
}
