import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { PolicyVersionDetail } from '@customhouse/http-contract/policy';
import { PolicyCases } from '@customhouse/policy-contract/cases';
import { RuleSet } from '@customhouse/policy-contract/rules';
import { z } from 'zod';
import { CliProblem } from './problem.js';

const exampleRego = `# Rego that decides beside the rules. What is in \`fired\` counts like a rule: refuse beats hold beats allow.
package customhouse.custom

# JSON Pointers of the arguments that are looked at here; other arguments are not in \`input.arguments\`.
arguments := {"/path"}

fired contains {"id": "no-hidden-files", "effect": "refuse", "reason": "Hidden files are not for agents."} if {
	contains(input.arguments["/path"], "/.")
}
`;

const exampleTest = `package customhouse.custom_test

import data.customhouse.custom

test_a_hidden_file_is_refused if {
	some rule in custom.fired with input as {"arguments": {"/path": "/home/ann/.ssh/id_ed25519"}}
	rule.effect == "refuse"
}

test_another_file_is_not if count(custom.fired) == 0 with input as {"arguments": {"/path": "/home/ann/notes.txt"}}
`;

/**
 * Writes a version into a folder, as files to edit, with the schemas that editors check them by. One without Rego gets an example of
 * it when `example` says so. Answers the files. Throws CliProblem when something is in the way.
 */
export function writeFolder(folder: string, version: PolicyVersionDetail, example: boolean): string[] {
  if (existsSync(folder) && readdirSync(folder).some((name) => !name.startsWith('.'))) {
    throw new CliProblem('usage', `${folder} is not empty`, { hint: 'Name a folder that does not exist yet.' });
  }
  const modules = example && Object.keys(version.modules).length === 0 ? { 'custom.rego': exampleRego, 'custom_test.rego': exampleTest } : version.modules;
  const files: Record<string, string> = {
    '.schemas/policy-rules.json': schemaText(RuleSet, 'Customhouse policy rules'),
    '.schemas/policy-cases.json': schemaText(PolicyCases, 'Customhouse policy cases'),
    'rules.yaml': withSchema('policy-rules', asWritten(version.rules)),
    ...(version.cases.length > 0 && { 'cases.yaml': withSchema('policy-cases', { cases: version.cases.map(({ name, ...rest }) => ({ name, ...rest })) }) }),
    ...modules,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return Object.keys(files);
}

/** Rules with their members in the order in which people write them: they are kept in that of the alphabet. */
export function asWritten(rules: RuleSet): RuleSet {
  return RuleSet.parse(rules);
}

function withSchema(name: string, document: unknown): string {
  return `# yaml-language-server: $schema=.schemas/${name}.json\n${stringify(document, { lineWidth: 0 })}`;
}

/** The dialect that editors' YAML support understands best. */
function schemaText(schema: z.ZodType, title: string): string {
  return `${JSON.stringify({ title, ...z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) }, undefined, 2)}\n`;
}
