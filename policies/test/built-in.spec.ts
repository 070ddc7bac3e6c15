import { describe, expect, it } from '@jest/globals';
import { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { builtInModule, builtInProgram, builtInVersion } from '../src/built-in.js';
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

  it('is the Rego that the module was compiled from, and nothing that only tests it', () => {
    const { entrypoints, modules } = builtInProgram();
    expect(Object.keys(modules)).toContain('rego/decision.rego');
    expect(Object.keys(modules).filter((name) => name.endsWith('_test.rego'))).toEqual([]);
    expect(entrypoints).toContain('customhouse/decision');
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

  it('changes with everything that decides and everything that tests it', () => {
    const one = { name: 'it reads', call: { server: 'files', tool: 'read' }, decision: { effect: 'allow', rules: ['readers'] } };
    const digests = [
      makeVersion({ number: 0, module, rules, note: '' }),
      makeVersion({ number: 0, module: 'e'.repeat(64), rules, note: '' }),
      makeVersion({ number: 0, module, rules: { version: 1, rules: rules.rules.slice(1) }, note: '' }),
      makeVersion({ number: 0, module, rules, modules: { 'a.rego': 'package customhouse.custom' }, note: '' }),
      makeVersion({ number: 0, module, rules, modules: { 'a_test.rego': 'package customhouse.custom' }, note: '' }),
      makeVersion({ number: 0, module, rules, cases: [one], note: '' }),
    ];
    expect(new Set(digests.map((version) => version.digest)).size).toBe(6);
  });

  it('shows when a version was changed', () => {
    const version = builtInVersion();
    const [first, ...rest] = version.rules.rules;
    expect(isIntact({ ...version, rules: { version: 1, rules: [{ ...first!, tools: ['files/*'] }, ...rest] } })).toBe(false);
    expect(isIntact({ ...version, modules: { 'a.rego': 'package customhouse.custom' } })).toBe(false);
    expect(isIntact({ ...version, module: 'e'.repeat(64) })).toBe(false);
  });
});
