import { describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { PolicyCases } from '@customhouse/policy-contract/cases';
import { compilePolicy } from '@customhouse/policy-engine/policy';
import { runCases } from '@customhouse/policy-engine/run-cases';
import { builtInModule } from '../src/built-in.js';
import { readRules } from '../src/rules-text.js';
import { makeVersion } from '../src/version.js';

jest.setTimeout(60_000);

const page = readFileSync(new URL('../../docs/how-to/write-rules.md', import.meta.url), 'utf8');
const snippets = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map((match) => match[1]!);
const ruleSnippets = snippets.filter((text) => text.includes('\nrules:'));
const caseSnippets = snippets.filter((text) => text.startsWith('cases:'));

describe('the page about writing rules', () => {
  it('has snippets of both kinds, and no others', () => {
    expect(ruleSnippets.length).toBeGreaterThan(2);
    expect(caseSnippets.length).toBeGreaterThan(0);
    expect(ruleSnippets.length + caseSnippets.length).toBe(snippets.length);
  });

  it.each(ruleSnippets)('shows rules that are valid: %#', (text) => {
    expect(readRules(text).rules.length).toBeGreaterThan(0);
  });

  it('shows cases that come out with the rules that it shows', async () => {
    const { digest, wasm } = builtInModule();
    const rules = { version: 1 as const, rules: ruleSnippets.flatMap((text) => readRules(text).rules).filter((rule) => rule.tools.includes('bank/pay')) };
    const policy = await compilePolicy(makeVersion({ number: 1, module: digest, rules, note: '' }), wasm);
    for (const text of caseSnippets) expect(await runCases(policy, PolicyCases.parse(parse(text)).cases)).toEqual([]);
  });
});
