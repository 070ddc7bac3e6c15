import { describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, runTool } from './temporary-tree.js';

describe('Nx', () => {
  it('knows every package that has tests', async () => {
    const groups = ['contracts', 'libs', 'services', 'apps'].flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)));
    const folders = [...groups, join(root, 'policies'), join(root, 'tools')].filter((folder) => existsSync(join(folder, 'package.json')));
    const tested = folders.filter((folder) => existsSync(join(folder, 'src')) || existsSync(join(folder, 'test')));
    // Nx keeps a graph; this one is nobody else's.
    process.env['NX_WORKSPACE_DATA_DIRECTORY'] = mkdtempSync(join(tmpdir(), 'customhouse-nx-'));
    const { output } = await runTool(root, 'nx/dist/bin/nx.js', 'show', 'projects', '--with-target', 'test', '--json');
    rmSync(process.env['NX_WORKSPACE_DATA_DIRECTORY'], { recursive: true, force: true });
    const known = JSON.parse(output.slice(output.indexOf('['))) as string[];
    expect(known).toHaveLength(tested.length);
    expect(known).toContain('@customhouse/kernel');
  }, 180_000);
});
