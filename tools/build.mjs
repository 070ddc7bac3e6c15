// Compiles every workspace's src/ to dist/, one file to one file, and only what differs from the last time: an unchanged
// workspace costs the reading of its sources. Types are the business of `npm run check`.
// It runs on the Node the user has (npm's `prepare`), so it uses nothing newer than Node 20.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const groups = ['contracts', 'libs', 'services', 'apps'];
const alone = ['policies'];
const stampName = '.stamp';

/** Builds what is out of date below a folder. Answers how many files were compiled. */
export async function buildAll(base = root) {
  const recipe = await readFile(fileURLToPath(import.meta.url));
  const counts = await Promise.all((await workspaces(base)).map((folder) => buildWorkspace(folder, recipe, base)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function workspaces(base) {
  const found = alone.map((name) => join(base, name)).filter((folder) => existsSync(join(folder, 'src')));
  for (const group of groups) {
    if (!existsSync(join(base, group))) continue;
    for (const entry of await readdir(join(base, group), { withFileTypes: true })) {
      const folder = join(base, group, entry.name);
      if (entry.isDirectory() && existsSync(join(folder, 'src'))) found.push(folder);
    }
  }
  return found;
}

async function buildWorkspace(folder, recipe, base) {
  const src = join(folder, 'src');
  const outdir = join(folder, 'dist');
  const sources = (await filesIn(src)).filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts')).sort();
  const stamp = await stampOf(sources, recipe, base);
  if ((await readFile(join(outdir, stampName), 'utf8').catch(() => '')) === stamp) return 0;

  const outputs = await compile(sources, src, outdir);
  for (const { path, contents } of outputs) await replace(path, contents);
  const expected = new Set(outputs.map((output) => output.path));
  // A `.new` file may belong to another build that runs at the same time.
  for (const path of await filesIn(outdir)) if (!expected.has(path) && !path.endsWith('.new')) await rm(path, { force: true });
  await replace(join(outdir, stampName), stamp);
  return sources.length;
}

async function compile(entryPoints, src, outdir) {
  if (entryPoints.length === 0) return [];
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints,
    outdir,
    outbase: src,
    bundle: false,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: true,
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
    logLevel: 'warning',
  });
  return outputFiles;
}

async function stampOf(sources, recipe, base) {
  const hash = createHash('sha256').update(recipe);
  for (const path of sources) {
    const contents = await readFile(path);
    hash.update(`${relative(base, path)}\0${contents.length}\0`).update(contents);
  }
  return hash.digest('hex');
}

/** A process that is reading the old file goes on reading the old file. */
async function replace(path, contents) {
  const old = await readFile(path).catch(() => undefined);
  if (old?.equals(Buffer.from(contents))) return;
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  await writeFile(fresh, contents);
  await rename(fresh, path);
}

async function filesIn(folder) {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.env.npm_lifecycle_event === 'prepare' && !existsSync(join(root, 'node_modules', 'esbuild'))) {
    console.error('not built, because the packages are not installed (this is normal for `npm install --package-lock-only`)');
  } else {
    const files = await buildAll();
    if (process.argv.includes('--verbose')) console.log(files === 0 ? 'everything is built' : `built ${files} files`);
  }
}
