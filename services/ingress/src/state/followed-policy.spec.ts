import { hash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { builtInModule, builtInVersion } from '@customhouse/policies/built-in';
import { FollowedPolicy } from './followed-policy.js';

function followed(): { policy: FollowedPolicy; lines: string[]; apply: (key: string, data: unknown, foreign?: StoredEvent['foreign']) => void; changes: () => number } {
  const lines: string[] = [];
  let changes = 0;
  const policy = new FollowedPolicy(builtInModule(), pino({}, { write: (line: string) => void lines.push(line) }), () => (changes += 1));
  const apply = (key: string, data: unknown, foreign?: StoredEvent['foreign']): void =>
    policy.apply({ topic: 'customhouse.state.policy', key, event: data === undefined ? undefined : ({ data, foreign, version: 1 } as StoredEvent) });
  return { policy, lines, apply, changes: () => changes };
}

const version = builtInVersion('starter');

describe('the followed policy', () => {
  it('is none until one was activated', () => {
    const { policy } = followed();
    expect([policy.current, policy.problem]).toEqual([undefined, 'no policy has been activated yet']);
  });

  it('is the active version, and tells of the change', async () => {
    const { policy, apply, changes } = followed();
    apply('active', version);
    await policy.settled();
    expect([policy.current?.version.digest, policy.problem, changes()]).toEqual([version.digest, undefined, 1]);
  });

  it('is the last of several that came together', async () => {
    const { policy, apply } = followed();
    apply('active', version);
    apply('active', { ...version, number: 7, digest: 'f'.repeat(64) });
    await policy.settled();
    expect(policy.current?.version.number).toBe(7);
  });

  it.each([
    ['it was withdrawn', undefined, undefined],
    ['it is written in a newer form', version, 'newer-version'],
    ['its module has not arrived', { ...version, module: 'a'.repeat(64) }, undefined],
  ] as const)('is none when %s: the one before does not stay in force', async (_, data, foreign) => {
    const { policy, apply } = followed();
    apply('active', version);
    apply('active', data, foreign);
    await policy.settled();
    expect(policy.current).toBeUndefined();
    expect(policy.problem).toEqual(expect.any(String));
  });

  it('uses a module that was published, once it is there, and only when it is what its digest says', async () => {
    const { policy, apply, lines } = followed();
    const wasm = Buffer.concat([builtInModule().wasm, Buffer.from([0, 2, 1, 120])]);
    const digest = hash('sha256', wasm, 'hex');
    apply('active', { ...version, module: digest });
    apply(`module/${digest}`, { digest, wasm: Buffer.from('something else').toString('base64') });
    await policy.settled();
    expect(policy.current).toBeUndefined();
    expect(lines.join('')).toContain('not what its digest says');
    apply(`module/${digest}`, { digest, wasm: wasm.toString('base64') });
    await policy.settled();
    expect(policy.current?.version.module).toBe(digest);
  });

  it('is not disturbed by a record that makes no sense', async () => {
    const { policy, apply, lines } = followed();
    apply('active', version);
    apply('module/x', { wasm: 7 });
    apply('unknown', {});
    await policy.settled();
    expect(policy.current?.version.digest).toBe(version.digest);
    expect(lines.join('')).toContain('passed over');
  });
});
