import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { root } from '../modes/process.js';
import type { World } from './world.js';

const services = ['ingress', 'policy', 'scanner', 'registry', 'approval', 'audit'] as const;

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `customhouse` as a person does, with a key in a file. */
function customhouse(w: World, key: string, ...args: string[]): Promise<Said> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-cli-'));
  const keyFile = join(folder, 'key');
  writeFileSync(keyFile, key, { mode: 0o600 });
  const environment = {
    ...process.env,
    CUSTOMHOUSE_API_URL: services.map((service) => `${service}=${w.gateway.api(service)}`).join(','),
    CUSTOMHOUSE_MCP_URL: `${w.gateway.origin}/mcp`,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'apps/cli/bin/customhouse.mjs'), ...args, '--key-file', keyFile], { env: environment, timeout: 60_000 }, (error, stdout, stderr) => {
      rmSync(folder, { recursive: true, force: true });
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

export function commandLine(world: () => World): void {
  describe('the command line', () => {
    it('[cli] makes a governed call, and says when it is refused', async () => {
      const w = world();
      const done = await customhouse(w, w.keys.agent.presented, 'call', 'truth__note', '--args', '{"text":"by hand"}', '--json');
      expect(done).toMatchObject({ code: 0 });
      expect(done.stdout).toContain('done: by hand');
      const refused = await customhouse(w, w.keys.agent.presented, 'call', 'truth__note', '--args', '{"text":"the vault"}');
      expect(refused.code).toBe(3);
      expect(refused.stdout + refused.stderr).toContain('Notes must not be about the vault.');
    }, 60_000);

    it('[cli] shows servers, tools, approvals and the audit as JSON', async () => {
      const w = world();
      for (const args of [['server', 'list'], ['tools'], ['approvals', 'list'], ['audit', 'search', '--agent', 'reporter'], ['policy', 'show'], ['keys', 'list']]) {
        const said = await customhouse(w, w.gateway.operatorKey, ...args, '--json');
        expect({ args, ...said }).toMatchObject({ code: 0 });
        expect(() => JSON.parse(said.stdout) as unknown).not.toThrow();
      }
    }, 120_000);

    it('[cli] names what was wrong and what to do', async () => {
      const w = world();
      const wrong = await customhouse(w, 'not-a-key', 'keys', 'list');
      expect(wrong.code).not.toBe(0);
      expect(wrong.stderr).toMatch(/key/);
      expect(wrong.stderr).not.toContain('    at ');
    }, 60_000);
  });
}
