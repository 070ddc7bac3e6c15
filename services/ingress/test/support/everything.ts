import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import type { Transport } from '@customhouse/events/registry/events';
import { eventually } from './gateway.js';

const program = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');

/** server-everything as a process that the gateway starts. */
export const everythingByStdio: Transport = { kind: 'stdio', command: process.execPath, args: [program, 'stdio'], env: {} };

/** server-everything over Streamable HTTP, in a process of its own. */
export async function startEverything(): Promise<{ transport: Transport; close(): Promise<void> }> {
  const port = await freePort();
  const child: ChildProcess = spawn(process.execPath, [program, 'streamableHttp'], { env: { PATH: process.env['PATH'], PORT: String(port) }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await eventually(() => said.includes('listening'), 20_000);
  return {
    transport: { kind: 'http', url: `http://127.0.0.1:${port}/mcp` },
    close: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exited;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
