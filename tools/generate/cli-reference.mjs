// docs/reference/cli.md, from the commands themselves.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { notice, root } from './root.mjs';

export async function cliReference() {
  const { commandLineReference } = await import(pathToFileURL(join(root, 'apps/cli/dist/reference.js')).href);
  return new Map([['docs/reference/cli.md', `${notice}\n\n${commandLineReference()}`]]);
}
