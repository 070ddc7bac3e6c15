/** The text as PostgreSQL can hold it: a NUL or a lone surrogate, which it refuses, becomes U+FFFD. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}
