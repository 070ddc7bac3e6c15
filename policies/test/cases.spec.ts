import { describe, expect, it, jest } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { catalogue } from '@customhouse/events/all';
import { CaseCall, PolicyCases } from '@customhouse/policy-contract/cases';
import { compilePolicy } from '@customhouse/policy-engine/policy';
import { inputOf, recordedAs, runCases } from '@customhouse/policy-engine/run-cases';
import { builtInModule } from '../src/built-in.js';
import { readRules } from '../src/rules-text.js';
import { makeVersion } from '../src/version.js';

jest.setTimeout(60_000);

const folder = new URL('../cases/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

async function policyOf(rulesFile: string) {
  const { digest, wasm } = builtInModule();
  const rules = readRules(readFileSync(new URL(`../${rulesFile}`, import.meta.url), 'utf8'));
  return compilePolicy(makeVersion({ number: 0, module: digest, rules, note: '' }), wasm);
}

describe.each(files)('the cases of %s', (file) => {
  const { rules, cases } = PolicyCases.parse(parse(readFileSync(new URL(file, folder), 'utf8')));

  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    expect(await runCases(await policyOf(rules!), [one])).toEqual([]);
  });
});

it('every rule of every file fires in one case at least, and stays quiet in another', async () => {
  const all = files.map((file) => PolicyCases.parse(parse(readFileSync(new URL(file, folder), 'utf8'))));
  const fired = all.flatMap(({ cases }) => cases.map((one) => one.decision.rules));
  const policies = await Promise.all(all.map(({ rules }) => policyOf(rules!)));
  const ids = [...new Set(policies.flatMap((policy) => policy.version.rules.rules.map((rule) => rule.id)))];
  expect(ids.filter((id) => !fired.some((names) => names.includes(id)))).toEqual([]);
  expect(ids.filter((id) => fired.every((names) => names.includes(id)))).toEqual([]);
});

it('every effect is recorded by an event of the catalogue that carries the decision', async () => {
  const decision = (await policyOf('starter.yaml')).decide({
    ...inputOf(CaseCall.parse({ server: 'x', tool: 'y' }), await policyOf('starter.yaml')),
  });
  for (const type of Object.values(recordedAs)) {
    const issues = catalogue.get(type)!.schema.safeParse({ decision }).error?.issues ?? [];
    expect(issues.length).toBeGreaterThan(0);
    expect(issues.filter((issue) => issue.path[0] === 'decision')).toEqual([]);
  }
});
