import { hash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { builtInModule, builtInVersion } from '@customhouse/policies/built-in';
import { VersionSigner, type TrustedKey } from '@customhouse/policies/signature';
import { FollowedPolicy } from './followed-policy.js';

function followed(keys?: readonly TrustedKey[]): {
  policy: FollowedPolicy;
  lines: string[];
  apply: (key: string, data: unknown, foreign?: StoredEvent['foreign']) => void;
  changes: () => number;
} {
  const lines: string[] = [];
  let changes = 0;
  const policy = new FollowedPolicy(builtInModule(), pino({}, { write: (line: string) => void lines.push(line) }), () => (changes += 1), keys);
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

  describe('where keys are given', () => {
    const signer = new VersionSigner(Buffer.alloc(32, 1));
    const other = new VersionSigner(Buffer.alloc(32, 2));
    const signed = signer.sign(version);

    it('is a version that one of them signed', async () => {
      const { policy, apply } = followed([other.trusted, signer.trusted]);
      apply('active', signed);
      await policy.settled();
      expect([policy.current?.version.digest, policy.problem]).toEqual([version.digest, undefined]);
    });

    it.each([
      ['nobody signed', version, 'is not signed'],
      ['somebody else signed', other.sign(version), 'is not trusted here'],
      ['was signed for another number', { ...signed, number: 9 }, 'the signature of version 9 of the policy is false'],
      ['was changed after it was signed', { ...signed, rules: { version: 1, rules: [] } }, 'is not what its digest'],
      ['has the rules of one version and the signature of another', { ...signer.sign({ ...version, digest: 'f'.repeat(64) }) }, 'is not what its digest'],
    ])('is none when the version is one that %s: the one before does not stay in force', async (_, changed, problem) => {
      const { policy, apply, lines } = followed([signer.trusted]);
      apply('active', signed);
      apply('active', changed);
      await policy.settled();
      expect([policy.current, policy.problem]).toEqual([undefined, expect.stringContaining(problem)]);
      expect(lines.join('')).toContain(problem);
    });

    it('is a signed version again after one that was not', async () => {
      const { policy, apply } = followed([signer.trusted]);
      apply('active', version);
      apply('active', signed);
      await policy.settled();
      expect([policy.current?.version.digest, policy.problem]).toEqual([version.digest, undefined]);
    });
  });
});
