// Runs once for each test run, in Jest's main process and before any transform. Nothing is started here but the listener:
// engines start when a suite asks (see src/).
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Engines } from './engines.mjs';

export default async function globalSetup() {
  const run = randomUUID();
  const folder = await mkdtemp(join(tmpdir(), 'customhouse-tests-'));
  const reaper = spawn(process.execPath, [fileURLToPath(new URL('reaper.mjs', import.meta.url)), run, folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  reaper.unref();
  reaper.stdin.unref();
  const engines = new Engines(run, folder);
  process.env.CUSTOMHOUSE_TEST_ENGINES = await engines.listen();
  globalThis.customhouseTestRun = { engines, reaper };
}
