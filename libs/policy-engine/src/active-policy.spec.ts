import { describe, expect, it, jest } from '@jest/globals';
import { callOf, echoWasm, rule, versionOf, wasm } from '../test/parts.js';
import { ActivePolicy } from './active-policy.js';
import { compilePolicy } from './policy.js';

jest.setTimeout(60_000);

const allow = rule({ id: 'all', effect: 'allow' });
const builtIn = { digest: versionOf([]).module, wasm };

describe('the policy in force', () => {
  it('is none until a version arrives, and says so', () => {
    const active = new ActivePolicy(builtIn, compilePolicy);
    expect(active.current).toBeUndefined();
    expect(active.problem).toBe('no policy has been activated yet');
  });

  it('is the version that arrived last', async () => {
    const active = new ActivePolicy(builtIn, compilePolicy);
    await active.versionArrived(versionOf([], 1));
    expect((await active.current!.decide(callOf())).effect).toBe('refuse');
    await active.versionArrived(versionOf([allow], 2));
    expect(active.current!.decide(callOf())).toMatchObject({ effect: 'allow', policy: { number: 2 } });
    expect(active.problem).toBeUndefined();
  });

  it('is the last one even when several arrive before the first is ready', async () => {
    const active = new ActivePolicy(builtIn, compilePolicy);
    await Promise.all([1, 2, 3].map((number) => active.versionArrived(versionOf([allow], number))));
    expect(active.current!.version.number).toBe(3);
  });

  it('stays in force while the next one is made ready', async () => {
    const active = new ActivePolicy(builtIn, compilePolicy);
    await active.versionArrived(versionOf([allow], 1));
    const next = active.versionArrived(versionOf([], 2));
    expect(active.current!.version.number).toBe(1);
    await next;
    expect(active.current!.version.number).toBe(2);
  });

  it('is none when the version needs a module that is not here, until the module arrives', async () => {
    const active = new ActivePolicy(builtIn, compilePolicy);
    await active.versionArrived(versionOf([allow], 1));
    await active.versionArrived({ ...versionOf([allow], 2), module: 'e'.repeat(64) });
    expect(active.current).toBeUndefined();
    expect(active.problem).toContain('version 2 of the policy needs the module eee');
    await active.moduleArrived('f'.repeat(64), wasm);
    expect(active.current).toBeUndefined();
    await active.moduleArrived('e'.repeat(64), echoWasm);
    expect(active.current!.version.number).toBe(2);
  });

  it('uses a module that arrived before its version', async () => {
    const active = new ActivePolicy(builtIn, compilePolicy);
    await active.moduleArrived('e'.repeat(64), wasm);
    await active.versionArrived({ ...versionOf([allow], 5), module: 'e'.repeat(64) });
    expect((await active.current!.decide(callOf())).effect).toBe('allow');
  });

  it('is none when the version cannot be used, so that nothing is decided by what was replaced', async () => {
    const active = new ActivePolicy(builtIn, compilePolicy);
    await active.versionArrived(versionOf([allow], 1));
    await active.moduleArrived('b'.repeat(64), new Uint8Array([1, 2, 3]));
    await active.versionArrived({ ...versionOf([allow], 2), module: 'b'.repeat(64) });
    expect(active.current).toBeUndefined();
    expect(active.problem).toContain('version 2 of the policy cannot be used');
    await active.versionArrived(versionOf([allow], 3));
    expect(active.current!.version.number).toBe(3);
  });

  it('is none when it was withdrawn, also while a version was being made ready', async () => {
    const active = new ActivePolicy(builtIn, compilePolicy);
    const arriving = active.versionArrived(versionOf([allow], 1));
    await active.versionArrived(null);
    await arriving;
    expect(active.current).toBeUndefined();
    expect(active.problem).toBe('the policy was withdrawn');
  });
});
