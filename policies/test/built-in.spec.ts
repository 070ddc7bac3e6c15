import { describe, expect, it } from '@jest/globals';
import { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { builtInModule, builtInVersion } from '../src/built-in.js';
import { isIntact, makeVersion, sha256 } from '../src/version.js';

describe('what comes with a release', () => {
  it('is a module with the digest by which versions name it', () => {
    const { digest, wasm } = builtInModule();
    expect(sha256(wasm)).toBe(digest);
    expect(builtInVersion().module).toBe(digest);
  });

  it.each(['starter', 'development'] as const)('is the %s policy, valid and intact', (rules) => {
    const version = builtInVersion(rules);
    expect(PolicyVersion.parse(version)).toEqual(version);
    expect(version.number).toBe(0);
    expect(isIntact(version)).toBe(true);
  });

  it('is, for development, every starter rule and the one of the demonstration', () => {
    const starter = builtInVersion('starter').rules.rules;
    const development = builtInVersion('development').rules.rules;
    expect(development.slice(0, starter.length)).toEqual(starter);
    expect(development.slice(starter.length).map((rule) => rule.id)).toEqual(['demonstration-hold']);
  });
});

describe('the digest of a version', () => {
  const { module, rules } = builtInVersion();

  it('is that of its contents, whatever its number and note', () => {
    expect(makeVersion({ number: 5, module, rules, note: 'another' }).digest).toBe(builtInVersion().digest);
  });

  it('changes with the rules and with the module', () => {
    const digests = [
      makeVersion({ number: 0, module, rules, note: '' }),
      makeVersion({ number: 0, module: 'e'.repeat(64), rules, note: '' }),
      makeVersion({ number: 0, module, rules: { version: 1, rules: rules.rules.slice(1) }, note: '' }),
    ];
    expect(new Set(digests.map((version) => version.digest)).size).toBe(3);
  });

  it('shows when a version was changed', () => {
    const version = builtInVersion();
    const [first, ...rest] = version.rules.rules;
    expect(isIntact({ ...version, rules: { version: 1, rules: [{ ...first!, tools: ['files/*'] }, ...rest] } })).toBe(false);
  });
});
