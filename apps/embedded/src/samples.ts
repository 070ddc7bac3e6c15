import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Transport } from '@customhouse/events/registry/events';

export interface Sample {
  readonly name: string;
  readonly transport: Transport;
}

/** Servers from npm that a new instance can be tried with. They are started by this Node, where npm has put them: both may be elsewhere at the next start. */
export function sampleServers(): readonly Sample[] {
  const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json');
  const program = join(dirname(manifest), 'dist', 'index.js');
  return [{ name: 'everything', transport: { kind: 'stdio', command: process.execPath, args: [program, 'stdio'], env: {} } }];
}
