// docs/reference/command-line.md, from the commands themselves.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { notice, root } from './root.mjs';

export async function commandLinePage() {
  const { commandLineReference } = await import(pathToFileURL(join(root, 'apps/cli/dist/reference.js')).href);
  return new Map([['docs/reference/command-line.md', `${notice}\n\n${commandLineReference()}`]]);
}
