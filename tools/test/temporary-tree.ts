import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const configurations = ['.dependency-cruiser.mjs', 'eslint.config.mjs', 'tsconfig.json', 'tsconfig.pure.json'];

/** A small repository with the real configurations and packages, to break rules in. Remove it with `remove`. */
export function temporaryTree(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-tree-'));
  for (const name of configurations) copyFileSync(join(root, name), join(folder, name));
  linkPackages(folder);
  for (const [path, text] of Object.entries({ ...files, 'package.json': '{ "type": "module" }\n' })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  for (const path of Object.keys(files).filter((file) => file.endsWith('/package.json'))) {
    const { name } = JSON.parse(files[path]!) as { name: string };
    symlinkSync(join(folder, dirname(path)), join(folder, 'node_modules', name));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** The packages of the real repository, but for our own. */
function linkPackages(folder: string): void {
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@customhouse'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@customhouse' && !name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
}

export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a tool of the repository in a folder. */
export function runTool(folder: string, script: string, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'node_modules', script), ...args], { cwd: folder, maxBuffer: 32 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr });
    });
  });
}
