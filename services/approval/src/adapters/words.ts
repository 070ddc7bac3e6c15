/** What somebody wrote into a form or a dialog, without controls, which no reason needs. Browsers send the line breaks of forms as CR LF. */
export function readable(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(/[^\P{Cc}\n\t]/gu, '')
    .toWellFormed()
    .trim()
    .slice(0, 1000);
}
