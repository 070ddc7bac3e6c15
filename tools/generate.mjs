// Writes everything that is made from the code: published contracts and reference pages. With --check it writes nothing and
// fails when a committed file differs from what it would write.
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildAll } from './build.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Folders that hold nothing but generated files. */
const owned = ['contracts/published', 'docs/reference'];

/** All generated files: path from the root, and text. Builds first, because the generators read what was built. */
export async function generated() {
  await buildAll();
  const [
    { asyncApi },
    { jsonSchemas },
    { policySchemas },
    { openApis },
    { settingsReference },
    { eventsReference },
    { errorsReference },
    { cliReference },
    { detectorsReference },
  ] = await Promise.all([
    import('./generate/asyncapi.mjs'),
    import('./generate/jsonschema.mjs'),
    import('./generate/policy-schemas.mjs'),
    import('./generate/openapi.mjs'),
    import('./generate/settings-reference.mjs'),
    import('./generate/events-reference.mjs'),
    import('./generate/errors-reference.mjs'),
    import('./generate/cli-reference.mjs'),
    import('./generate/detectors-reference.mjs'),
  ]);
  const parts = await Promise.all([
    asyncApi(),
    jsonSchemas(),
    policySchemas(),
    openApis(),
    settingsReference(),
    eventsReference(),
    errorsReference(),
    cliReference(),
    detectorsReference(),
  ]);
  return new Map(parts.flatMap((part) => [...part]).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** One line for each difference between the files under `base` and those that should be there. */
export async function differences(files, base = root) {
  const found = [];
  for (const [path, text] of files) {
    const present = await readFile(join(base, path), 'utf8').catch(() => undefined);
    if (present === undefined) found.push(`${path} is missing`);
    else if (present !== text) found.push(`${path} is out of date`);
  }
  for (const path of await present(base)) if (!files.has(path) && !isOlderVersion(path, files)) found.push(`${path} is no longer generated`);
  return found;
}

async function present(base) {
  const lists = await Promise.all(
    owned.map(async (folder) => {
      const entries = await readdir(join(base, folder), { recursive: true, withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isFile()).map((entry) => relative(base, join(entry.parentPath, entry.name)));
    }),
  );
  return lists.flat();
}

/** Schemas of event versions that were superseded stay: the log still has such events. */
function isOlderVersion(path, files) {
  const match = /^(contracts\/published\/jsonschema\/.+)\/v(\d+)\.json$/.exec(path);
  return match !== null && [...files.keys()].some((other) => other.startsWith(`${match[1]}/v`) && Number(/v(\d+)\.json$/.exec(other)?.[1]) > Number(match[2]));
}

async function main() {
  const files = await generated();
  const found = await differences(files);
  if (process.argv.includes('--check')) {
    for (const line of found) console.error(line);
    if (found.length > 0) console.error('run `npm run generate` and commit what it writes');
    process.exitCode = found.length > 0 ? 1 : 0;
    return;
  }
  for (const [path, text] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  for (const path of await present(root)) if (!files.has(path) && !isOlderVersion(path, files)) await rm(join(root, path));
  console.log(found.length === 0 ? `${files.size} files are up to date` : found.join('\n'));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
