import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { root, TestGateway } from './gateway.js';

jest.setTimeout(240_000);

const gateway = new TestGateway();
const folder = mkdtempSync(join(tmpdir(), 'customhouse-trials-'));
let call = '';
let version = 0;

/** Runs a command until it ends well: what follows the log knows a thing a moment later. */
async function untilFine(...args: string[]): ReturnType<TestGateway['run']> {
  for (const deadline = performance.now() + 90_000; ;) {
    const ran = await gateway.run(...args);
    if (ran.code === 0 || performance.now() > deadline) return ran;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'tools/build.mjs')]);
  await gateway.start();
  call = (await gateway.json<{ call: string }>('call', 'everything__echo', 'message=hello')).call;
  const rules = join(folder, 'rules.yaml');
  writeFileSync(rules, 'version: 1\nrules:\n  - { id: echo-waits, effect: hold, reason: Somebody listens first., tools: [everything/echo] }\n');
  version = (await gateway.json<{ number: number }>('policy', 'draft', rules)).number;
}, 240_000);
afterAll(async () => {
  await gateway.destroy();
  rmSync(folder, { recursive: true });
}, 60_000);

describe('customhouse policy explain', () => {
  it('says why a call was decided as it was, and that it would be so again', async () => {
    const ran = await untilFine('policy', 'explain', call);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^effect +allow$/m);
    expect(ran.stdout).toMatch(/^again +the same, by version 0$/m);
    expect(ran.stdout).toContain('"tool": "echo"');
  });

  it('asks another version', async () => {
    const ran = await gateway.run('policy', 'explain', call, '--policy-version', String(version));
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringMatching(new RegExp(`^again +DIFFERENT: hold, by version ${version}$`, 'm'))]);
  });

  it('says what is wrong with an id', async () => {
    expect((await gateway.run('policy', 'explain', 'yesterday')).code).toBe(2);
    expect(await gateway.run('policy', 'explain', '01KAAAAAAAAAAAAAAAAAAAAAAA')).toMatchObject({ code: 1, stderr: expect.stringContaining('is not known here') });
  });
});

describe('customhouse policy simulate', () => {
  it('waits, and shows whom and what a version concerns', async () => {
    const ran = await gateway.run('policy', 'simulate', String(version), '--since', '1h');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^newly held +1$/m);
    expect(ran.stdout).toMatch(/^ +by tool +everything\/echo \(1\)$/m);
    expect(ran.stdout).toMatch(new RegExp(`${call} +everything/echo .*hold \\(echo-waits\\)`));
  });

  it('does not wait when it is told so, and what it began can be looked up and listed', async () => {
    const begun = await gateway.json<{ id: string }>('policy', 'simulate', String(version), '--no-wait');
    expect(await gateway.json('policy', 'simulations', begun.id)).toMatchObject({ id: begun.id, version });
    expect(await gateway.json('policy', 'simulations', begun.id, '--cancel')).toMatchObject({ id: begun.id, state: expect.stringMatching(/^(?:finished|cancelled)$/) });
    const { items } = await gateway.json<{ items: { id: string }[] }>('policy', 'simulations');
    expect(items[0]!.id).toBe(begun.id);
    expect((await gateway.run('policy', 'simulations', '--limit', '1')).stdout).toMatch(/^SIMULATION +VERSION /);
  });

  it('says what is wrong with what it was told', async () => {
    expect((await gateway.run('policy', 'simulate', 'seven')).code).toBe(2);
    expect((await gateway.run('policy', 'simulate', '0', '--calls', '0')).code).toBe(2);
    expect((await gateway.run('policy', 'simulations', '--cancel')).code).toBe(2);
    expect((await gateway.run('policy', 'simulate', '4711')).code).toBe(1);
  });
});

describe('customhouse policy shadow', () => {
  it('begins, counts the calls that come, and ends', async () => {
    expect((await gateway.run('policy', 'shadow')).code).toBe(1);
    const begun = await gateway.run('policy', 'shadow', String(version));
    expect([begun.code, begun.stdout]).toEqual([0, `Version ${version} runs in the shadow of the active one: "customhouse policy shadow" shows how it differs.\n`]);
    await gateway.json('call', 'everything__echo', 'message=again');
    type Shadow = { report: { calls: number } };
    for (const deadline = performance.now() + 90_000; performance.now() < deadline && (await gateway.json<Shadow>('policy', 'shadow')).report.calls === 0;);
    expect((await gateway.run('policy', 'shadow')).stdout).toMatch(/^newly held +1$/m);
    expect((await gateway.run('policy', 'shadow', '--end')).stdout).toMatch(/^ended +\S+ \(/m);
    expect((await gateway.run('policy', 'shadow', '3', '--end')).code).toBe(2);
  });
});
