import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exposeAll, exposedName, maxExposedLength } from './tool-names.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const name = (server: string, tool: string): string => exposedName(server, tool, sha256);

describe('the name a tool is exposed under', () => {
  it('is server__tool', () => {
    expect(name('files', 'read_file')).toBe('files__read_file');
  });

  it('is whole up to 64 characters', () => {
    const tool = 'a'.repeat(64 - 'files__'.length);
    expect(name('files', tool)).toBe(`files__${tool}`);
  });

  it('keeps its beginning and gets a stable ending when it would be longer', () => {
    const tool = 'b'.repeat(64);
    expect(name('files', tool)).toBe(`files__${'b'.repeat(39)}__${sha256(`files/${tool}`).slice(0, 16)}`);
    expect(name('files', tool)).toHaveLength(maxExposedLength);
  });

  it('holds only characters that MCP allows', () => {
    expect(name('files', 'lire le fichier/é')).toMatch(/^files__lire_le_fichier____[0-9a-f]{16}$/);
  });

  it('cannot be taken by a tool that is named like the shortened name of another', () => {
    const long = 'c'.repeat(80);
    const imitation = name('files', long).slice('files__'.length);
    expect(name('files', imitation)).not.toBe(name('files', long));
  });

  it('is never the same for two tools of different servers', () => {
    const server = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/);
    const tool = fc.oneof(fc.string({ minLength: 1, maxLength: 100 }), fc.stringMatching(/^[a-z_]{1,12}$/));
    fc.assert(
      fc.property(server, tool, server, tool, (serverA, toolA, serverB, toolB) => {
        const same = serverA === serverB && toolA === toolB;
        expect(name(serverA, toolA) === name(serverB, toolB)).toBe(same);
        expect(name(serverA, toolA)).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
        expect(name(serverA, toolA).split('__')[0]).toBe(serverA);
      }),
    );
  });
});

describe('the names of a whole catalogue', () => {
  it('lead back to the server and the tool', () => {
    const tools = [
      { server: 'files', tool: 'read' },
      { server: 'mail', tool: 'read' },
    ];
    expect([...exposeAll(tools, sha256).exposed]).toEqual([
      ['files__read', tools[0]],
      ['mail__read', tools[1]],
    ]);
  });

  it.each([['in order'], ['reversed']])('hide the later of two tools whose names meet, whichever comes first (%s)', (order) => {
    const collide = (): string => '0'.repeat(64);
    const tools = [
      { server: 'files', tool: `${'x'.repeat(70)}a` },
      { server: 'files', tool: `${'x'.repeat(70)}b` },
    ];
    const { exposed, hidden } = exposeAll(order === 'reversed' ? tools.toReversed() : tools, collide);
    expect([...exposed.values()]).toEqual([tools[0]]);
    expect(hidden).toEqual([tools[1]]);
  });
});
