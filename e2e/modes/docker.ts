import { spawnSync } from 'node:child_process';
import { describe, it } from '@jest/globals';

/** Defines the suite where a Docker engine answers; says in one line that it is skipped where none does. */
export function engineOrReason(mode: string, define: () => void): void {
  if (spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0) {
    define();
    return;
  }
  const reason = `the scenarios in the mode "${mode}" are skipped: no Docker engine answers here`;
  process.stderr.write(`${reason}\n`);
  describe.skip(reason, () => it('needs a Docker engine', () => undefined));
}
