import { spawn } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { root } from '../modes/process.js';

interface Score {
  readonly required: number;
  readonly checks: number;
}
type Scores = Record<'server' | 'client', Record<string, Record<'direct' | 'through', Score>>>;

/** Runs `npm run conformance` as anybody would: it starts a gateway and servers of its own. */
export function conformance(): void {
  describe('the public conformance suites', () => {
    it('[conformance] score through the gateway what they score directly, except for what is listed', async () => {
      const { code, out, said } = await run();
      expect(`${said}\nexit code ${code}`).toMatch(/exit code 0$/);
      const { server, client } = JSON.parse(out.trim().split('\n').at(-1)!) as Scores;
      expect(server['2025-11-25']).toMatchObject({ direct: { required: 30, checks: 84 }, through: { required: 30 } });
      expect(server['2026-07-28']).toMatchObject({ direct: { required: 37 }, through: { required: 37 } });
      expect(client['2025-11-25']).toMatchObject({ direct: { required: 4 }, through: { required: 4 } });
      expect(client['2026-07-28']).toMatchObject({ direct: { required: 7 }, through: { required: 7 } });
    }, 900_000);
  });
}

async function run(): Promise<{ code: number | null; out: string; said: string }> {
  const child = spawn(process.execPath, ['e2e/conformance/run.mjs', '--json'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, out, said };
}
