import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { root, TestGateway, type Ran } from './gateway.js';

/** A gateway that runs while the tests of a file do, and an empty folder that goes with them. To be called once, outside of any test. */
export function runningGateway(): { readonly gateway: TestGateway; readonly folder: string } {
  const gateway = new TestGateway();
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-folder-'));
  beforeAll(async () => {
    execFileSync(process.execPath, [join(root, 'tools/build.mjs')]);
    await gateway.start();
  }, 240_000);
  afterAll(async () => {
    await gateway.destroy();
    rmSync(folder, { recursive: true });
  }, 60_000);
  return { gateway, folder };
}

/** Asks until the answer is as wanted: what follows the log knows a thing a moment later. */
export async function eventually<T>(ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
  for (const deadline = performance.now() + 30_000; ;) {
    const answer = await ask();
    if (good(answer) || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a command that failed says with `--json`. */
export function problemOf({ stderr }: Ran): { readonly code: string; readonly exit: number; readonly message: string; readonly details?: readonly string[] } {
  return (JSON.parse(stderr) as { error: ReturnType<typeof problemOf> }).error;
}
