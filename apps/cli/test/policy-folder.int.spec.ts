import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { root, TestGateway, type Ran } from './gateway.js';

jest.setTimeout(300_000);

const gateway = new TestGateway();
const base = mkdtempSync(join(tmpdir(), 'customhouse-policy-'));
const folder = join(base, 'policy');
const inFolder = (name: string) => join(folder, name);
const change = (name: string, from: string, to: string) => {
  const text = readFileSync(inFolder(name), 'utf8');
  if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
  writeFileSync(inFolder(name), text.replace(from, to));
};
const problemOf = ({ stderr }: Ran) => (JSON.parse(stderr) as { error: { code: string; message: string; details?: string[] } }).error;

describe('a policy in a folder', () => {
  beforeAll(async () => {
    execFileSync(process.execPath, [join(root, 'tools/build.mjs')]);
    await gateway.start(undefined, { CUSTOMHOUSE_POLICY_REGO_TIMEOUT_MS: '240000' });
    expect((await gateway.run('policy', 'init', folder, '--example')).stdout).toBe(`${folder} holds version 0: rules.yaml, custom.rego, custom_test.rego\n`);
    writeFileSync(
      inFolder('cases.yaml'),
      '# yaml-language-server: $schema=.schemas/policy-cases.json\ncases:\n  - name: A hidden file is refused\n    call: { server: files, tool: read_file, labels: [read-only], arguments: { path: /home/ann/.netrc } }\n    decision: { effect: refuse, rules: [no-hidden-files, read-only-tools] }\n',
    );
  }, 300_000);
  afterAll(async () => {
    await gateway.destroy();
    rmSync(base, { recursive: true });
  }, 60_000);

  it('is begun with what decides, and with the schemas that editors check it by', () => {
    expect(readFileSync(inFolder('rules.yaml'), 'utf8')).toMatch(/^# yaml-language-server: \$schema=\.schemas\/policy-rules\.json\nversion: 1\nrules:\n/);
    for (const name of ['policy-rules', 'policy-cases']) {
      const published = readFileSync(join(root, `contracts/published/jsonschema/${name}.json`), 'utf8');
      expect(JSON.parse(readFileSync(inFolder(`.schemas/${name}.json`), 'utf8'))).toEqual(JSON.parse(published));
    }
  });

  it('is never written over', async () => {
    const again = await gateway.run('policy', 'init', folder, '--json');
    expect([again.code, problemOf(again).message]).toEqual([2, `${folder} is not empty`]);
  });

  it('is checked, tested, compared, stored and activated, and decides then', async () => {
    expect((await gateway.run('policy', 'check', folder)).stdout).toBe(`${folder} is valid\n`);
    expect((await gateway.run('policy', 'test', folder)).stdout).toBe('3 of 3 tests pass\n');
    const difference = await gateway.run('policy', 'diff', folder);
    expect(difference.stdout).toBe(
      '+ custom.rego\n+ custom_test.rego\n+ case: A hidden file is refused\n\nVersion 0 and ' + `${folder} may decide differently: try "customhouse policy simulate".\n`,
    );
    const { number } = await gateway.json<{ number: number }>('policy', 'draft', folder, '--note', 'no hidden files');
    expect((await gateway.run('policy', 'versions')).stdout).toMatch(new RegExp(`^${number} +tested +\\d+ +2 +1 .*no hidden files$`, 'm'));
    expect((await gateway.run('policy', 'activate', String(number))).stdout).toBe(`Version ${number} decides from now on.\n`);
    expect(await gateway.json('policy', 'decide', 'files/read_file', 'path=/home/ann/.ssh/id', '--label', 'read-only')).toMatchObject({ decision: { effect: 'refuse' } });
    expect((await gateway.run('policy', 'diff', folder)).stdout).toBe(`Version ${number} and ${folder} are the same.\n`);
    expect((await gateway.run('policy', 'test')).stdout).toBe('3 of 3 tests pass\n');
    const shown = (await gateway.run('policy', 'show')).stdout;
    expect(shown).toMatch(/^stage +active$/m);
    expect(shown).toMatch(/^signed with +[0-9a-f]{64}$/m);
    expect(shown).toContain('# custom.rego\n# Rego that decides beside the rules.');
  });

  it('of a stored version holds what was stored', async () => {
    const copy = join(base, 'copy');
    expect((await gateway.run('policy', 'init', copy)).code).toBe(0);
    for (const name of ['custom.rego', 'custom_test.rego']) expect(readFileSync(join(copy, name), 'utf8')).toBe(readFileSync(inFolder(name), 'utf8'));
    expect((await gateway.run('policy', 'diff', copy)).stdout).toMatch(/are the same\.\n$/);
  });

  it('that does not do what its tests say is named test by test, and not stored', async () => {
    change('custom.rego', 'contains(input.arguments["/path"], "/.")', 'contains(input.arguments["/path"], "/..")');
    try {
      const tested = await gateway.run('policy', 'test', folder);
      expect(tested.code).toBe(1);
      expect(tested.stdout).toContain(`FAILED  ${folder} custom_test.rego:5: test_a_hidden_file_is_refused\n`);
      expect(tested.stdout).toContain(`FAILED  ${folder}: A hidden file is refused\n        the effect must be "refuse", and is "allow"\n`);
      expect(tested.stdout).toMatch(/^1 of 3 tests pass$/m);
      const drafted = await gateway.run('policy', 'draft', folder, '--json');
      expect([drafted.code, problemOf(drafted).code]).toEqual([2, 'cases-failed']);
      expect(problemOf(drafted).details?.join('\n')).toContain('test_a_hidden_file_is_refused');
      const untested = await gateway.json<{ number: number; stage: string }>('policy', 'draft', folder, '--untested');
      expect(untested.stage).toBe('draft');
      const activated = await gateway.run('policy', 'activate', String(untested.number), '--json');
      expect([activated.code, problemOf(activated).code]).toEqual([2, 'cases-failed']);
    } finally {
      change('custom.rego', '"/.."', '"/."');
    }
  });

  it('with Rego that is not valid is refused with file and line', async () => {
    appendFileSync(inFolder('custom.rego'), '\nbroken if {\n');
    try {
      const checked = await gateway.run('policy', 'check', folder, '--json');
      expect([checked.code, problemOf(checked).code]).toEqual([2, 'invalid-rules']);
      expect(problemOf(checked).details?.join('\n')).toMatch(/custom\.rego.*line \d+, column \d+: rego_parse_error/);
    } finally {
      change('custom.rego', '\nbroken if {\n', '');
    }
  });

  it('without rules, or with two files of them, is no folder of a policy', async () => {
    expect(problemOf(await gateway.run('policy', 'check', base, '--json')).message).toBe(`${base} holds no rules.yaml`);
    writeFileSync(inFolder('rules.json'), '{}');
    expect(problemOf(await gateway.run('policy', 'check', folder, '--json')).message).toContain('only one of them can count');
    rmSync(inFolder('rules.json'));
  });

  it('goes from one installation to another as a signed bundle, and nothing else does', async () => {
    const bundle = join(base, 'bundle.json');
    const { number, digest } = await gateway.json<{ number: number; digest: string }>('policy', 'show');
    expect((await gateway.run('policy', 'export', String(number), '-o', bundle)).stdout).toBe(`Version ${number} is in ${bundle}.\n`);
    expect(existsSync(bundle)).toBe(true);
    const imported = await gateway.json<{ number: number; digest: string; origin: object }>('policy', 'import', bundle);
    expect(imported).toMatchObject({ digest, origin: { number, digest } });
    expect((await gateway.run('policy', 'show', String(imported.number))).stdout).toMatch(new RegExp(`^imported +version ${number} of another installation`, 'm'));
    writeFileSync(bundle, readFileSync(bundle, 'utf8').replace('Hidden files', 'Some files'));
    const changed = await gateway.run('policy', 'import', bundle, '--json');
    expect([changed.code, problemOf(changed).code]).toEqual([2, 'bundle-refused']);
    expect(problemOf(changed).message).toContain('it was changed after it was made');
  });

  it('is signed with a key whose public half verifies on its own', async () => {
    const shown = (await gateway.run('policy', 'keys')).stdout;
    expect(shown).toMatch(/^signs +[0-9a-f]{64}$/m);
    expect(shown).toMatch(/-----BEGIN PUBLIC KEY-----\n[^-]+-----END PUBLIC KEY-----\n$/);
    expect(readdirSync(gateway.data)).toContain('policy-signing-key');
  });

  it('is signed by hand only as what was looked at, and once', async () => {
    const { number, digest, signed_by } = await gateway.json<{ number: number; digest: string; signed_by: string }>('policy', 'show');
    const signed = { code: 0, stdout: `Version ${number} with the digest ${digest} is signed with the key ${signed_by}.\n` };
    expect(await gateway.run('policy', 'sign', String(number))).toMatchObject(signed);
    expect(await gateway.run('policy', 'sign', String(number), '--digest', digest)).toMatchObject(signed);
    const refused = await gateway.run('policy', 'sign', String(number), '--digest', 'a'.repeat(64), '--json');
    expect([refused.code, problemOf(refused).code, problemOf(refused).message]).toEqual([expect.any(Number), 'conflict', expect.stringContaining('look at it again')]);
    expect(refused.code).not.toBe(0);
  });
});
