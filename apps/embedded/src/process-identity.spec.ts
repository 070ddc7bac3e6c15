import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { processIdentity } from './process-identity.js';

describe('the identity of a process', () => {
  it('stays the same while it runs, and differs from that of another', async () => {
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    await once(other, 'spawn');
    try {
      const own = processIdentity(process.pid);
      expect(own).toBeDefined();
      expect(processIdentity(process.pid)).toBe(own);
      if (process.platform === 'linux') expect(processIdentity(other.pid!)).not.toBe(own);
    } finally {
      other.kill('SIGKILL');
      await once(other, 'exit');
    }
    expect(processIdentity(other.pid!)).toBeUndefined();
  });
});
