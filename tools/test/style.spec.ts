import { describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTree, styleProblems } from '../check/style.mjs';

/** A small tree in order; each test adds one fault to it. */
const good: Readonly<Record<string, string>> = {
  'README.md': '# Customhouse\n',
  'package-lock.json': '{ "packages": { "node_modules/zod": { "version": "4.0.0" } } }\n',
  'libs/kernel/package.json': '{ "name": "@customhouse/kernel" }\n',
  'libs/kernel/src/time.ts': 'export const time = 1;\n',
  'libs/kernel/src/time.spec.ts': "import { time } from './time.js';\nit('is one', () => expect(time).toBe(1));\n",
  'libs/kernel/src/ulid.ts': "import { time } from './time.js';\nexport const ulid = time;\n",
  'services/audit/src/main.ts': "import { ulid } from '@customhouse/kernel/ulid';\nconsole.log(ulid);\n",
};

function problems(added: Readonly<Record<string, string>> = {}): string[] {
  return styleProblems(new Map(Object.entries({ ...good, ...added })));
}

/** A file that something imports, so that it is not dead as well. */
function used(path: string, text: string): Record<string, string> {
  return { [path]: text, 'apps/embedded/src/main.ts': `import '../../../${path.replace(/\.ts$/, '.js')}';\n` };
}

describe('the style test', () => {
  it('has nothing against a tree in order', () => {
    expect(problems()).toEqual([]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a barrel', used('libs/kernel/src/index.ts', 'export const a = 1;\n'), 'no barrels'],
    ['an export of everything', used('libs/kernel/src/all.ts', "export * from './time.js';\n"), 'no barrels'],
    ...['dto', 'interface', 'enum', 'helper', 'util', 'types', 'service', 'entity'].map((suffix): [string, Record<string, string>, string] => [
      `a file called .${suffix}`,
      used(`services/audit/src/call.${suffix}.ts`, 'export const a = 1;\n'),
      'without a kind behind the name',
    ]),
    ...['utils.ts', 'common/a.ts', 'shared/a.ts', 'core/a.ts', 'helpers/a.ts', 'misc/a.ts'].map((name): [string, Record<string, string>, string] => [
      `a place called ${name}`,
      used(`libs/kernel/src/${name}`, 'export const a = 1;\n'),
      'could hold anything',
    ]),
    ['a library for everything', used('libs/shared/src/a.ts', 'export const a = 1;\n'), 'could hold anything'],
    ['a name in camel case', used('libs/kernel/src/someThing.ts', 'export const a = 1;\n'), 'kebab-case'],
    ['a file that is too long', used('libs/kernel/src/long.ts', 'export const a = 1;\n'.repeat(401)), 'has 401 lines; 400 are the limit'],
    ['a test that is too long', { 'libs/kernel/src/long.spec.ts': '\n'.repeat(1001) }, 'has 1001 lines; 1000 are the limit'],
    ...['TODO', 'FIXME', 'HACK'].map((word): [string, Record<string, string>, string] => [
      `a ${word}`,
      { 'README.md': `# A\n\n${word}: later\n` },
      `README.md:3: "${word}" is a leftover`,
    ]),
    ['a path of one machine', { 'docs/a.md': 'See /work/main/README.md\n' }, 'a path of one machine'],
    ['a home folder', { 'libs/kernel/src/time.ts': "export const home = '/root/x';\n" }, 'a path of one machine'],
    ['the host of a registry in the lock file', { 'package-lock.json': '{ "resolved": "https://mirror.example/zod.tgz" }\n' }, 'the host of a registry'],
    ['the host of a registry in a document', { 'docs/a.md': 'from https://registry.npmjs.org/zod\n' }, 'the host of a registry'],
    ['it.only', { 'libs/kernel/src/time.spec.ts': "it.only('a', () => {});\n" }, 'leaves all other tests out'],
    ['describe.only', { 'libs/kernel/src/time.spec.ts': "describe.only('a', () => {});\n" }, 'leaves all other tests out'],
    ['fit', { 'libs/kernel/src/time.spec.ts': "fit('a', () => {});\n" }, 'leaves all other tests out'],
    ['a leftover in a comment', { 'libs/kernel/src/time.ts': 'export const time = 1; // TODO later\n' }, 'is a leftover'],
    ['describe.skip', { 'libs/kernel/src/time.spec.ts': "import './time.js';\ndescribe.skip('a', () => {});\n" }, 'cannot fail'],
    ['it.skip', { 'libs/kernel/src/time.spec.ts': "it.skip('a', () => {});\n" }, 'cannot fail'],
    ['xdescribe', { 'libs/kernel/src/time.spec.ts': "xdescribe('a', () => {});\n" }, 'cannot fail'],
    ['it.todo', { 'libs/kernel/src/time.spec.ts': "it.todo('a');\n" }, 'cannot fail'],
    ['a dead file', { 'libs/kernel/src/dead.ts': 'export const a = 1;\n' }, 'dead.ts: nothing imports it'],
    [
      'a file that only its own test imports',
      { 'libs/kernel/src/dead.ts': 'export const a = 1;\n', 'libs/kernel/src/dead.spec.ts': "import { a } from './dead.js';\n" },
      'dead.ts: nothing imports it',
    ],
  ])('turns red for %s', (_, added, problem) => {
    const found = problems(added);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
  });

  it.each<[string, Record<string, string>]>([
    [
      'a file that is started by name',
      {
        'libs/kernel/src/worker.ts': 'export {};\n',
        'services/audit/src/main.ts': "new Worker(new URL('../../../libs/kernel/src/worker.js', import.meta.url));\nimport '@customhouse/kernel/ulid';\n",
      },
    ],
    ['a file that a package.json starts', { 'apps/cli/src/program.ts': 'export {};\n', 'apps/cli/package.json': '{ "bin": "apps/cli/dist/program.js" }\n' }],
    ['a suite that is skipped when something is missing', { 'libs/kernel/src/time.spec.ts': "import './time.js';\nif (has) suite();\nelse describe.skip('a', () => {});\n" }],
    ['a file that is imported lazily', { 'libs/kernel/src/lazy.ts': 'export {};\n', 'libs/kernel/src/ulid.ts': "import './time.js';\nawait import('./lazy.js');\n" }],
    ['the word in another word or a text', { 'README.md': 'METHODOLOGY, hackathon, todos\n', 'libs/kernel/src/time.ts': "export const time = 'a TODO list';\n" }],
  ])('has nothing against %s', (_, added) => {
    expect(problems(added)).toEqual([]);
  });

  it('reads what people write, and not what tools make', () => {
    const root = mkdtempSync(join(tmpdir(), 'customhouse-style-'));
    try {
      for (const path of ['a.ts', 'docs/b.md', 'node_modules/c.ts', 'libs/x/dist/d.js', '.git/e', 'data/f.json', 'g.png']) {
        mkdirSync(join(root, path, '..'), { recursive: true });
        writeFileSync(join(root, path), 'x\n');
      }
      expect([...readTree(root).keys()].sort()).toEqual(['a.ts', 'docs/b.md']);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
