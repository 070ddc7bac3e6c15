/** PostgreSQL's text holds no NUL and no lone surrogate; the stream has the text as it came. */
export function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}
