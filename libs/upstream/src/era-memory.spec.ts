import { describe, expect, it } from '@jest/globals';
import type { Transport } from '@customhouse/events/registry/events';
import { EraMemory } from './era-memory.js';

const http = (host: string): Transport => ({ kind: 'http', url: `http://${host}/mcp` });
const stdio = (...args: string[]): Transport => ({ kind: 'stdio', command: 'server', args, env: { TOKEN: 'x' } });

describe('what servers speak', () => {
  it('is remembered by address, or by command and arguments', () => {
    const eras = new EraMemory();
    eras.remember(http('a'), 'sse');
    eras.remember(stdio('one', 'two'), 'legacy');
    expect([eras.of(http('a')), eras.of(http('b')), eras.of(stdio('one', 'two')), eras.of(stdio('one two'))]).toEqual(['sse', undefined, 'legacy', undefined]);
  });

  it('is assumed where nothing is known, for who would rather speak that', () => {
    const eras = new EraMemory('legacy');
    eras.remember(http('a'), 'modern');
    expect([eras.of(http('a')), eras.of(http('b'))]).toEqual(['modern', 'legacy']);
  });

  it('is forgotten after a while, because servers are updated', () => {
    const eras = new EraMemory(undefined, 0);
    eras.remember(http('a'), 'legacy');
    expect(eras.of(http('a'))).toBeUndefined();
  });

  it('is remembered of so many servers, the latest ones', () => {
    const eras = new EraMemory();
    for (let index = 0; index <= 10_000; index += 1) eras.remember(http(`s${index}`), 'modern');
    expect([eras.of(http('s0')), eras.of(http('s1')), eras.of(http('s10000'))]).toEqual([undefined, 'modern', 'modern']);
  });
});
