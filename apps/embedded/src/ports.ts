import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { EmbeddedProblem } from './problem.js';

export interface Port {
  /** For messages: "agents", "the control API". */
  readonly use: string;
  /** What was asked for; 0 is any free one. Undefined: the usual one, or any free one when that is taken. */
  readonly asked: number | undefined;
  readonly usual: number;
  /** The option that chooses it. */
  readonly option: string;
}

/**
 * Finds a free port for each. A port that somebody asked for is used or the start fails; where nobody asked, another one is taken
 * and said. Throws EmbeddedProblem.
 */
export async function choosePorts(host: string, wanted: readonly Port[], onFallback: (message: string) => void): Promise<number[]> {
  const held: Server[] = [];
  try {
    const chosen: number[] = [];
    for (const port of wanted) {
      // Each stays open until all are chosen: no port is given out twice.
      const server = await holdOne(host, port, onFallback);
      held.push(server);
      chosen.push((server.address() as { port: number }).port);
    }
    return chosen;
  } finally {
    await Promise.all(held.map((server) => once(server.close(), 'close')));
  }
}

async function holdOne(host: string, { use, asked, usual, option }: Port, onFallback: (message: string) => void): Promise<Server> {
  try {
    return await listen(host, asked ?? usual);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (asked !== undefined || code !== 'EADDRINUSE') throw problemOf(error, `${host}:${asked ?? usual}`, use, option);
    const server = await listen(host, 0);
    onFallback(`port ${usual} is taken; ${use} uses ${(server.address() as { port: number }).port} instead (${option} chooses one)`);
    return server;
  }
}

async function listen(host: string, port: number): Promise<Server> {
  const server = createServer();
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening');
  return server;
}

function problemOf(error: unknown, address: string, use: string, option: string): EmbeddedProblem {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === 'EADDRINUSE'
      ? 'the port is taken'
      : code === 'EACCES'
        ? 'ports below 1024 are for root'
        : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
          ? 'this machine has no such address'
          : message;
  return new EmbeddedProblem(`${use} cannot listen on ${address}: ${why}. Choose another with ${option} (0 takes any free one)`, { cause: error });
}
