import { describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { callOf, rule, wasm } from '../test/parts.js';
import { compileRule } from './compiled-rules.js';
import { PolicyModule } from './policy-module.js';

jest.setTimeout(60_000);

const rules = [rule({ id: 'secret', effect: 'refuse', when: [{ argument: '/text', is: 'like', value: '*geheim*' }] }), rule({ id: 'all', effect: 'allow' })];
const data = { rules: rules.map(compileRule) };
const question = (text: unknown, candidates = [0, 1]) => ({ ...callOf({ arguments: { '/text': text } }), candidates });
const effectOf = (answer: unknown) => (answer as { effect: string }).effect;

describe('a policy module', () => {
  it('is refused when it is no WebAssembly', async () => {
    await expect(PolicyModule.load(new TextEncoder().encode('package customhouse'), data, 64)).rejects.toMatchObject({
      name: 'PolicyUnusable',
      message: expect.stringContaining('cannot be loaded'),
    });
  });

  it('is refused when its memory cannot hold the rules', async () => {
    const many = { rules: Array.from({ length: 5000 }, (_, number) => compileRule(rule({ id: `rule-${number}`, effect: 'allow' }))) };
    await expect(PolicyModule.load(wasm, many, 16)).rejects.toMatchObject({ name: 'PolicyUnusable' });
  });

  it('answers every entry point by name, and fails for one that it does not have', async () => {
    const module = await PolicyModule.load(wasm, data, 64);
    expect(module.has('customhouse/visible')).toBe(true);
    expect(module.has('toString')).toBe(false);
    expect(module.evaluate('customhouse/visible', question('x'))).toBe(true);
    expect(() => module.evaluate('customhouse/other', question('x'))).toThrow('has no entry point customhouse/other');
  });

  it('holds no more memory after many thousand evaluations than after a few', async () => {
    const module = await PolicyModule.load(wasm, data, 1024);
    const texts = ['kurz', 'ein Text mit geheim darin', 'ü'.repeat(500), 'x'.repeat(5000)];
    for (let round = 0; round < 100; round += 1) module.evaluate('customhouse/decision', question(texts[round % texts.length]));
    const before = module.memory_bytes;
    for (let round = 0; round < 30_000; round += 1) module.evaluate('customhouse/decision', question(texts[round % texts.length]));
    expect(module.memory_bytes).toBe(before);
  });

  it('forgets each input: a short question after a long one is answered as if the long one had never been', async () => {
    const module = await PolicyModule.load(wasm, data, 1024);
    expect(effectOf(module.evaluate('customhouse/decision', question(`${'x'.repeat(50_000)}geheim`)))).toBe('refuse');
    expect(effectOf(module.evaluate('customhouse/decision', question('x')))).toBe('allow');
    expect(effectOf(module.evaluate('customhouse/decision', { candidates: [0, 1] }))).toBe('allow');
    expect(effectOf(module.evaluate('customhouse/decision', {}))).toBe('refuse');
  });

  it('fails an evaluation that needs more memory than it may have, and answers again when it has been loaded anew', async () => {
    const module = await PolicyModule.load(wasm, data, 32);
    expect(() => module.evaluate('customhouse/decision', question('x'.repeat(8_000_000)))).toThrow(expect.objectContaining({ name: 'EvaluationFailed' }));
    expect(() => module.evaluate('customhouse/decision', question('x'))).toThrow('is being loaded again');
    while (module.memory_bytes === 0) await sleep(1);
    expect(effectOf(module.evaluate('customhouse/decision', question('geheim')))).toBe('refuse');
    expect(effectOf(module.evaluate('customhouse/decision', question('x')))).toBe('allow');
  });

  it('fails, and does not answer for another text, when a text is not well-formed', async () => {
    const module = await PolicyModule.load(wasm, data, 64);
    expect(() => module.evaluate('customhouse/decision', question('\ud800'))).toThrow(expect.objectContaining({ name: 'EvaluationFailed' }));
  });

  it.each([
    ['characters of several bytes', 'größe 👍 geheim 漢字'],
    ['a NUL before the match', 'a\u0000geheim'],
    ['line breaks', '\r\n\u2028geheim\n'],
    ['control characters and quotes', '\u0001"\\geheim\u007f'],
    ['a text at the end of a long one', `${'漢'.repeat(60_000)}geheim`],
  ])('sees through %s', async (_, text) => {
    const module = await PolicyModule.load(wasm, data, 1024);
    expect(effectOf(module.evaluate('customhouse/decision', question(text)))).toBe('refuse');
  });
});
