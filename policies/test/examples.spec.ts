import { describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { PolicyCases } from '@customhouse/policy-contract/cases';
import { Decision } from '@customhouse/policy-contract/decision';
import { PolicyInput } from '@customhouse/policy-contract/input';
import { compilePolicy } from '@customhouse/policy-engine/policy';
import { runCases } from '@customhouse/policy-engine/run-cases';
import { builtInModule } from '../src/built-in.js';
import { readRules } from '../src/rules-text.js';
import { makeVersion } from '../src/version.js';

jest.setTimeout(60_000);

const read = (name: string) => readFileSync(new URL(`../../contracts/policy/examples/${name}`, import.meta.url), 'utf8');

/** The module changes when the default policy does; a version made today has today's. */
async function examplePolicy() {
  const { digest, wasm } = builtInModule();
  return compilePolicy(makeVersion({ number: 3, module: digest, rules: readRules(read('rules.yaml')), note: 'Payments need two people.' }), wasm);
}

describe('the examples of the contract', () => {
  it('are documents of the contract', () => {
    for (const [schema, name] of [
      [PolicyInput, 'input.json'],
      [Decision, 'decision.json'],
      [PolicyVersion, 'version.json'],
    ] as const) {
      expect(schema.parse(JSON.parse(read(name)))).toEqual(JSON.parse(read(name)));
    }
  });

  it('belong together: the rules make the version, and the version turns the input into the decision', async () => {
    const version = PolicyVersion.parse(JSON.parse(read('version.json')));
    expect(version.rules).toEqual(readRules(read('rules.yaml')));
    const policy = await examplePolicy();
    const decision = Decision.parse(JSON.parse(read('decision.json')));
    expect(decision.policy).toEqual({ number: version.number, digest: version.digest });
    expect({ ...policy.decide(PolicyInput.parse(JSON.parse(read('input.json')))), policy: decision.policy }).toEqual(decision);
  });

  it('hold what the example of cases says', async () => {
    expect(await runCases(await examplePolicy(), PolicyCases.parse(parse(read('cases.yaml'))).cases)).toEqual([]);
  });
});
