import { beforeAll, describe, expect, it } from '@jest/globals';
import { runTool, temporaryTree } from './temporary-tree.js';

/** A file with one fault each, and the rule that must name it. */
const faults: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['no-restricted-syntax', 'services/audit/src/domain/now.ts', 'export const now = () => Date.now();\n'],
  ['no-restricted-syntax', 'services/audit/src/domain/date.ts', 'export const now = () => new Date();\n'],
  ['no-restricted-syntax', 'services/audit/src/domain/date-text.ts', 'export const now = () => Date();\n'],
  ['no-restricted-syntax', 'services/audit/src/domain/random.ts', 'export const chance = () => Math.random();\n'],
  ['no-restricted-syntax', 'services/audit/src/domain/await.ts', 'export const wait = async (what: Promise<number>) => await what;\n'],
  ['no-restricted-syntax', 'services/audit/src/domain/async.ts', 'export async function wait(): Promise<void> {}\n'],
  ['no-restricted-syntax', 'libs/kernel/src/now.ts', 'export const now = () => Date.now();\n'],
  ['no-restricted-syntax', 'contracts/events/src/random.ts', 'export const chance = () => Math.random();\n'],
  ['@typescript-eslint/no-floating-promises', 'services/audit/src/floating.ts', 'export function start(run: () => Promise<void>): void {\n  run();\n}\n'],
  [
    '@typescript-eslint/no-floating-promises',
    'services/audit/src/floating.spec.ts',
    "import { expect } from '@jest/globals';\nexport const check = () => {\n  expect(Promise.resolve(1)).resolves.toBe(1);\n};\n",
  ],
  [
    '@typescript-eslint/no-misused-promises',
    'services/audit/src/misused.ts',
    'export const any = (items: number[], test: (item: number) => Promise<boolean>) => items.filter((item) => test(item));\n',
  ],
  ['@typescript-eslint/await-thenable', 'services/audit/src/thenable.ts', 'export const wait = async () => await 1;\n'],
  ['no-throw-literal', 'services/audit/src/throw.ts', "export const fail = () => {\n  throw 'broken';\n};\n"],
  ['@typescript-eslint/prefer-promise-reject-errors', 'services/audit/src/reject.ts', "export const fail = () => Promise.reject('broken');\n"],
  [
    '@typescript-eslint/switch-exhaustiveness-check',
    'services/audit/src/switch.ts',
    "export function size(of: 'a' | 'b'): void {\n  switch (of) {\n    case 'a':\n      break;\n  }\n}\n",
  ],
  ['@typescript-eslint/no-explicit-any', 'services/audit/src/any.ts', 'export const parse = (text: string): any => text;\n'],
  ['@typescript-eslint/no-unused-vars', 'services/audit/src/unused.ts', 'export function one(): number {\n  const two = 2;\n  return 1;\n}\n'],
  ['@typescript-eslint/consistent-type-imports', 'services/audit/src/type-import.ts', "import { Readable } from 'node:stream';\nexport type R = Readable;\n"],
  ['@typescript-eslint/ban-ts-comment', 'services/audit/src/ignore.ts', '// @ts-ignore\nexport const a: number = 1;\n'],
  ['eqeqeq', 'services/audit/src/equal.ts', 'export const same = (a: number, b: number) => a == b;\n'],
  ['no-empty', 'services/audit/src/swallow.ts', 'export function quiet(run: () => void): void {\n  try {\n    run();\n  } catch {}\n}\n'],
  ['no-eval', 'services/audit/src/eval.ts', 'export const run = (text: string): unknown => eval(text);\n'],
  ['no-console', 'services/audit/src/console.ts', "console.log('hello');\n"],
  ['max-lines-per-function', 'services/audit/src/long.ts', `export function long(): number {\n${'  // because\n'.repeat(5)}${'  void 0;\n'.repeat(70)}  return 1;\n}\n`],
];

const fine: Readonly<Record<string, string>> = {
  'services/audit/src/domain/decide.ts': 'export const year = (time: number) => new Date(time).getUTCFullYear();\n',
  'services/audit/src/domain/decide.spec.ts': 'export const elapsed = async () => Date.now() + Math.random() + (await Promise.resolve(1));\n',
  'services/audit/src/adapters/clock.ts': 'export const now = () => Date.now();\n',
  'services/audit/src/main.ts': 'export async function main(run: () => Promise<void>): Promise<void> {\n  await run();\n  void run();\n}\n',
};

interface Result {
  readonly filePath: string;
  readonly messages: readonly { readonly ruleId: string | null; readonly message: string }[];
}

describe('the linter', () => {
  let found: Map<string, readonly (string | null)[]>;
  beforeAll(async () => {
    const tree = temporaryTree({ ...fine, ...Object.fromEntries(faults.map(([, path, text]) => [path, text])) });
    try {
      const { output } = await runTool(tree.folder, 'eslint/bin/eslint.js', '--format', 'json', 'services', 'libs', 'contracts');
      found = new Map(
        (JSON.parse(output) as Result[]).map((result) => [
          result.filePath.slice(result.filePath.indexOf(tree.folder) + tree.folder.length + 1),
          result.messages.map((message) => message.ruleId ?? message.message),
        ]),
      );
    } finally {
      tree.remove();
    }
  }, 180_000);

  it.each(faults)('names %s in %s', (rule, path) => {
    expect(found.get(path)).toContain(rule);
  });

  it.each(Object.keys(fine))('has nothing against %s', (path) => {
    expect(found.get(path)).toEqual([]);
  });
});

describe('the compiler without a platform', () => {
  const platform: readonly (readonly [string, string, string])[] = [
    ['process', 'services/audit/src/domain/process.ts', 'export const home = process.env;\n'],
    ['fetch', 'services/audit/src/domain/fetch.ts', "export const page = fetch('http://localhost');\n"],
    ['setTimeout', 'services/audit/src/domain/timer.ts', 'export const later = setTimeout(() => undefined, 1);\n'],
    ['console', 'libs/kernel/src/console.ts', 'console.log(1);\n'],
    ['Buffer', 'contracts/events/src/buffer.ts', "export const bytes = Buffer.from('a');\n"],
    ['node:fs', 'services/audit/src/domain/file.ts', "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n"],
  ];

  it('refuses what only a platform has', async () => {
    const tree = temporaryTree({ ...Object.fromEntries(platform.map(([, path, text]) => [path, text])), 'services/audit/src/domain/decide.ts': 'export const one = 1;\n' });
    try {
      const { output } = await runTool(tree.folder, 'typescript/bin/tsc', '-p', 'tsconfig.pure.json', '--pretty', 'false');
      for (const [word, path] of platform) expect(output).toMatch(new RegExp(`${path.replaceAll('.', '\\.')}\\(.*'${word}'`));
      expect(output).not.toContain('decide.ts');
    } finally {
      tree.remove();
    }
  }, 180_000);
});
