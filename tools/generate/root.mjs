import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** First line of every generated page. */
export const notice = '<!-- Made by `npm run generate` from the code. Change the code, not this page. -->';

/** Text in a cell of a Markdown table. */
export function cell(text) {
  return String(text)
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ');
}
