import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { missingPackages, root, type Lock } from '../install.mjs';

const lock: Lock = {
  packages: {
    '': { version: '0.1.0' },
    'apps/cli': { version: '0.1.0' },
    'node_modules/customhouse': { link: true },
    'node_modules/zod': { version: '4.0.0' },
    'apps/cli/node_modules/commander': { version: '15.0.0' },
    'node_modules/jest': { version: '30.0.0', dev: true },
    'node_modules/@esbuild/aix': { version: '1.0.0', optional: true },
  },
};
const without = (...paths: string[]): Lock => ({ packages: Object.fromEntries(Object.entries(lock.packages).filter(([path]) => !paths.includes(path))) });

describe('what is missing', () => {
  it('is everything on a fresh clone, and only what running needs for a start', () => {
    expect(missingPackages(lock, undefined, 'all')).toEqual(['node_modules/customhouse', 'node_modules/zod', 'apps/cli/node_modules/commander', 'node_modules/jest']);
    expect(missingPackages(lock, undefined, 'run')).toEqual(['node_modules/customhouse', 'node_modules/zod', 'apps/cli/node_modules/commander']);
  });

  it('is nothing when everything is there, whatever this platform leaves out', () => {
    expect(missingPackages(lock, lock, 'all')).toEqual([]);
    expect(missingPackages(lock, without('node_modules/@esbuild/aix'), 'all')).toEqual([]);
    expect(missingPackages(lock, without('node_modules/jest'), 'run')).toEqual([]);
  });

  it('is what has another version, what is nested, and a workspace that is new', () => {
    const older = { packages: { ...lock.packages, 'node_modules/zod': { version: '3.0.0' } } };
    expect(missingPackages(lock, older, 'run')).toEqual(['node_modules/zod']);
    expect(missingPackages(lock, without('apps/cli/node_modules/commander'), 'run')).toEqual(['apps/cli/node_modules/commander']);
    expect(missingPackages(lock, without('node_modules/customhouse'), 'run')).toEqual(['node_modules/customhouse']);
  });

  it('is known of the lock file of this repository', () => {
    const real = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
    const run = missingPackages(real, undefined, 'run');
    const all = missingPackages(real, undefined, 'all');
    expect(run).toContain('node_modules/node');
    expect(run).not.toContain('node_modules/jest');
    // What only tests and checks need is more than half of it.
    expect(run.length * 2).toBeLessThan(all.length);
  });
});
