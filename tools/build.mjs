// Compiles every workspace's src/ to dist/, one file to one file. Types are the business of `npm run check`.
// It runs on the Node the user has (npm's `prepare`), so it uses nothing newer than Node 20.
import { readdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

async function sources(folder) {
  const found = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await sources(path)));
    else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts')) found.push(path);
  }
  return found;
}

async function buildWorkspace(folder) {
  const src = join(folder, 'src');
  if (!existsSync(src)) return 0;
  const entryPoints = await sources(src);
  const outdir = join(folder, 'dist');
  await rm(outdir, { recursive: true, force: true });
  await build({
    entryPoints,
    outdir,
    outbase: src,
    bundle: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: true,
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
    logLevel: 'warning',
  });
  return entryPoints.length;
}

let files = 0;
for (const group of ['contracts', 'libs', 'services', 'apps']) {
  if (!existsSync(join(root, group))) continue;
  const folders = (await readdir(join(root, group), { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const counts = await Promise.all(folders.map((entry) => buildWorkspace(join(root, group, entry.name))));
  files += counts.reduce((sum, count) => sum + count, 0);
}
if (process.argv.includes('--verbose')) console.log(`built ${files} files`);
