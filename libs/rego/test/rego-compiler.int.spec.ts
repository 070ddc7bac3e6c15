import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { RegoCompiler, RegoCompilerFailed, RegoRefused } from '@customhouse/rego/rego-compiler';

jest.setTimeout(60_000);

const compiler = new RegoCompiler();
afterAll(() => compiler.close());

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const policy = 'package a\n\nx if input.y == 1\n';

function refusal(promise: Promise<unknown>): Promise<RegoRefused> {
  return promise.then(
    () => {
      throw new Error('it was accepted');
    },
    (error: unknown) => {
      if (error instanceof RegoRefused) return error;
      throw error;
    },
  );
}

describe('the Rego compiler', () => {
  it('is OPA of the version that the recorded digests name', async () => {
    const { opa } = JSON.parse(read('libs/rego/compiler/opa.json')) as { opa: string };
    expect(await compiler.version()).toBe(opa);
  });

  it('compiles the default policy to the bytes that opa build makes of it', async () => {
    const entrypoints = ['decision', 'visible', 'reads', 'arguments'].map((name) => `customhouse/${name}`);
    const wasm = await compiler.compile({ 'rego/decision.rego': read('policies/rego/decision.rego') }, entrypoints);
    expect(Buffer.from(wasm).equals(readFileSync(new URL('policies/compiled/default.wasm', root)))).toBe(true);
  });

  it('compiles the same modules to the same bytes', async () => {
    const [first, second] = await Promise.all([compiler.compile({ 'a.rego': policy }, ['a/x']), compiler.compile({ 'a.rego': policy }, ['a/x'])]);
    expect(Buffer.from(first!).equals(Buffer.from(second!))).toBe(true);
    expect(Buffer.from(first!).subarray(0, 4).toString('latin1')).toBe('\0asm');
  });

  it.each([
    ['that does not parse', { 'b.rego': 'package a\n\nx if { y' }, 'rego_parse_error', 'b.rego', 3],
    ['with a variable that is never bound', { 'b.rego': 'package a\n\nx if y == 1\n' }, 'rego_unsafe_var_error', 'b.rego', 3],
    ['that reaches the network', { 'b.rego': 'package a\n\nx if http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200\n' }, 'rego_type_error', 'b.rego', 3],
    ['that looks at the clock', { 'b.rego': 'package a\n\nx if time.now_ns() > 0\n' }, 'rego_type_error', 'b.rego', 3],
    ['that asks for its surroundings', { 'b.rego': 'package a\n\nx if opa.runtime().env.HOME\n' }, 'rego_type_error', 'b.rego', 3],
    ['that is empty', { 'b.rego': '' }, 'rego_parse_error', 'b.rego', undefined],
  ])('refuses Rego %s, with its place', async (_, modules, code, file, row) => {
    const { problems } = await refusal(compiler.compile(modules as unknown as Record<string, string>, ['a/x']));
    expect(problems[0]).toMatchObject({ code, file, ...(row === undefined ? {} : { row }) });
  });

  it('refuses an entry point that is not there, and more text than it takes', async () => {
    expect((await refusal(compiler.compile({ 'a.rego': policy }, ['a/z']))).message).toMatch(/a\/z|entrypoint/);
    const small = new RegoCompiler({ max_characters: 10 });
    expect((await refusal(small.compile({ 'a.rego': policy }, ['a/x']))).problems).toMatchObject([{ code: 'too-large' }]);
    await small.close();
  });

  it('runs tests: which passed, which failed with what they printed, what was not covered', async () => {
    const test = 'package a_test\n\nimport data.a\n\ntest_good if a.x with input as {"y": 1}\n\ntest_bad if {\n\tprint("saw", 2)\n\ta.x with input as {"y": 2}\n}\n';
    const { tests, coverage } = await compiler.test({ 'a.rego': `${policy}\nz if input.never == 1\n`, 'a_test.rego': test });
    expect(tests.map(({ name, outcome, file, row }) => ({ name, outcome, file, row }))).toEqual([
      { name: 'test_good', outcome: 'pass', file: 'a_test.rego', row: 5 },
      { name: 'test_bad', outcome: 'fail', file: 'a_test.rego', row: 7 },
    ]);
    expect(tests[1]!.message).toContain('saw 2');
    expect(coverage).toBeLessThan(100);
  });

  it('gives tests the documents they are written for', async () => {
    const { tests } = await compiler.test({ 'a_test.rego': 'package a_test\n\ntest_data if data.limits.most == 3\n' }, { data: { limits: { most: 3 } } });
    expect(tests).toMatchObject([{ outcome: 'pass' }]);
  });

  it('formats as opa fmt does', async () => {
    expect(await compiler.format({ 'a.rego': 'package a\nx   if   input.y==1' })).toEqual({ 'a.rego': policy });
  });

  it('says so when it takes too long, and works again with the next request', async () => {
    const impatient = new RegoCompiler({ timeout_ms: 1 });
    await expect(impatient.version()).rejects.toThrow(RegoCompilerFailed);
    await impatient.close();
    const patient = new RegoCompiler();
    const waiting = patient.version();
    await patient.close();
    await expect(waiting).rejects.toThrow('closed');
    expect(await patient.version()).toMatch(/^\d+\.\d+\.\d+$/);
    await patient.close();
  });
});
