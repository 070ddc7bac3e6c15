// docs/reference/detectors.md, from the rules of libs/detectors.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultLimits } from '@customhouse/detectors/inspect';
import { builtInPack } from '@customhouse/detectors/rule-pack';
import { cell, notice, root } from './root.mjs';

export function detectorsReference() {
  refuseDrift();
  const compiled = builtInPack.rulesOf.flat();
  const credentials = new Set(compiled.filter(({ kind }) => kind === 'credential').map(({ rule }) => rule));
  const signals = new Set(compiled.filter(({ kind }) => kind === 'instruction').map(({ signal }) => signal));
  const page = [
    notice,
    '',
    '# Detectors',
    '',
    `Rule pack \`${builtInPack.version}\`. Definitions of tools, arguments and results are looked at; a finding names the rule, the severity and the place, and never quotes the text.`,
    '',
    '## Rules',
    '',
    '| rule | finds |',
    '|---|---|',
    ...Object.entries(rules).map(([rule, meaning]) => `| \`${rule}\` | ${cell(meaning)} |`),
    '',
    '## Forms of `credential`',
    '',
    '| form | severity |',
    '|---|---|',
    ...[...credentials].map((rule) => `| ${cell(rule.name)} | ${rule.severity} |`),
    '',
    '## Signals of instructions',
    '',
    `Weights add up; a text that reaches ${builtInPack.threshold} is an instruction.`,
    '',
    '| signal | in a definition | elsewhere |',
    '|---|---|---|',
    ...[...signals].map((signal) => `| \`${signal.id}\` | ${signal.definition} | ${signal.result} |`),
    '',
    '## Limits',
    '',
    `At most ${defaultLimits.characters} characters, ${defaultLimits.values} values, ${defaultLimits.depth} levels and ${defaultLimits.findings} findings; what is larger is reported as \`inspection-truncated\`.`,
    '',
  ];
  return new Map([['docs/reference/detectors.md', page.join('\n')]]);
}

/** The table below names exactly the rules that the code can report. */
function refuseDrift() {
  const folder = join(root, 'libs/detectors/src');
  const source = readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  const reported = new Set([...source.matchAll(/(?:rule: |#add\()'([a-z-]+)'/g)].map((match) => match[1]));
  const different = [...reported].filter((rule) => !(rule in rules)).concat(Object.keys(rules).filter((rule) => !reported.has(rule)));
  if (different.length > 0) throw new Error(`tools/generate/detectors-reference.mjs and libs/detectors disagree about ${different.join(', ')}`);
}

const rules = {
  'hidden-characters': 'characters that no screen shows and a model reads',
  'bidirectional-controls': 'controls that make a text read otherwise than it is stored',
  'terminal-escapes': 'control characters that can hide text in a terminal',
  'lookalike-characters': 'words that mix letters of scripts that look the same (definitions only)',
  'instructions-in-definition': 'a definition that speaks to the model instead of describing the tool',
  'instructions-in-result': 'a result with text that reads like instructions to the model',
  credential: 'keys, tokens and passwords',
  'inspection-truncated': 'a value too large to be looked at completely',
};
