import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { choosePorts } from './ports.js';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const api = { use: 'the control API', option: '--api-port' } as const;
const agents = { use: 'the address for agents', option: '--port' } as const;

describe('the ports', () => {
  it('are the usual ones where these are free', async () => {
    const free = await takenPort();
    open.pop()!.close();
    const notes: string[] = [];
    expect(await choosePorts('127.0.0.1', [{ ...agents, asked: undefined, usual: free }], (note) => notes.push(note))).toEqual([free]);
    expect(notes).toEqual([]);
  });

  it('are others, and said, where the usual ones are taken', async () => {
    const taken = await takenPort();
    const notes: string[] = [];
    const [chosen] = await choosePorts('127.0.0.1', [{ ...agents, asked: undefined, usual: taken }], (note) => notes.push(note));
    expect(chosen).not.toBe(taken);
    expect(notes).toEqual([`port ${taken} is taken; the address for agents uses ${chosen} instead (--port chooses one)`]);
  });

  it('are never others than those that were asked for', async () => {
    const taken = await takenPort();
    await expect(choosePorts('127.0.0.1', [{ ...api, asked: taken, usual: 1 }], () => undefined)).rejects.toThrow(
      `the control API cannot listen on 127.0.0.1:${taken}: the port is taken. Choose another with --api-port (0 takes any free one)`,
    );
  });

  it('are any two different free ones for 0', async () => {
    const [first, second] = await choosePorts(
      '127.0.0.1',
      [
        { ...agents, asked: 0, usual: 1 },
        { ...api, asked: 0, usual: 1 },
      ],
      () => undefined,
    );
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(0);
    expect(first).not.toBe(second);
  });

  it('need an address that this machine has', async () => {
    await expect(choosePorts('192.0.2.1', [{ ...agents, asked: undefined, usual: 8400 }], () => undefined)).rejects.toThrow('this machine has no such address');
  });
});
