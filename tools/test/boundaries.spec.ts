import { beforeAll, describe, expect, it } from '@jest/globals';
import { runTool, temporaryTree } from './temporary-tree.js';

const subpaths = '"exports": { "./*": { "customhouse-source": "./src/*.ts", "default": "./dist/*.js" } }';
const packageOf = (name: string, dependencies: object = {}) =>
  JSON.stringify({ name: `@customhouse/${name}`, type: 'module', exports: JSON.parse(`{${subpaths}}`).exports, dependencies }) + '\n';

/** One file of each kind that rules speak of, importing only what it may. */
const good: Readonly<Record<string, string>> = {
  'contracts/events/package.json': packageOf('events', { zod: '*' }),
  'contracts/events/src/envelope.ts': "import { z } from 'zod';\nexport const Envelope = z.string();\n",
  'contracts/http/package.json': packageOf('http-contract', { zod: '*', '@customhouse/events': '*' }),
  'contracts/http/src/audit.ts': "import { Envelope } from '@customhouse/events/envelope';\nexport const routes = Envelope;\n",
  'libs/kernel/package.json': packageOf('kernel'),
  'libs/kernel/src/time.ts': 'export const time = 1;\n',
  'libs/detectors/package.json': packageOf('detectors', { re2js: '*', '@customhouse/kernel': '*' }),
  'libs/detectors/src/scan.ts': "import { time } from '@customhouse/kernel/time';\nimport { RE2JS } from 're2js';\nexport const scan = [time, RE2JS];\n",
  'libs/event-log/package.json': packageOf('event-log', { pg: '*', '@customhouse/events': '*' }),
  'libs/event-log/src/port.ts': "import { Envelope } from '@customhouse/events/envelope';\nexport const port = Envelope;\n",
  'libs/event-log/src/writer.ts': "import pg from 'pg';\nimport { readFileSync } from 'node:fs';\nexport const writer = [pg, readFileSync];\n",
  'libs/event-store/package.json': packageOf('event-store', { '@customhouse/event-log': '*' }),
  'libs/event-store/src/outbox.ts': "import { port } from '@customhouse/event-log/port';\nexport const outbox = port;\n",
  'libs/nest/package.json': packageOf('nest', { '@customhouse/event-store': '*', '@customhouse/event-log': '*' }),
  'libs/nest/src/run.ts':
    "import { outbox } from '@customhouse/event-store/outbox';\nimport { writer } from '@customhouse/event-log/writer';\nexport const run = [outbox, writer];\n",
  'libs/test-engines/package.json': packageOf('test-engines'),
  'libs/test-engines/src/postgres.ts': 'export const postgres = 1;\n',
  'services/audit/package.json': packageOf('audit', { '@customhouse/nest': '*', '@customhouse/events': '*', '@customhouse/kernel': '*', typeorm: '*' }),
  'services/audit/src/domain/fold.ts':
    "import { time } from '@customhouse/kernel/time';\nimport { Envelope } from '@customhouse/events/envelope';\nexport const fold = [time, Envelope];\n",
  'services/audit/src/domain/fold.spec.ts': "import { it } from '@jest/globals';\nimport { fold } from './fold.js';\nit('folds', () => void fold);\n",
  'services/audit/src/calls-view.ts': "import { EntitySchema } from 'typeorm';\nexport const view = EntitySchema;\n",
  'services/audit/src/main.ts':
    "import type { EntityManager } from 'typeorm';\nimport { run } from '@customhouse/nest/run';\nimport { fold } from './domain/fold.js';\nimport { view } from './calls-view.js';\nexport const main = [run, fold, view] as unknown as EntityManager;\n",
  'services/audit/test/audit.int.spec.ts':
    "import { postgres } from '@customhouse/test-engines/postgres';\nimport { run } from '@customhouse/nest/run';\nexport const used = [postgres, run];\n",
  'services/policy/package.json': packageOf('policy'),
  'services/policy/src/main.ts': 'export const policy = 1;\n',
  'apps/embedded/package.json': packageOf('embedded', { '@customhouse/audit': '*', '@customhouse/policy': '*', '@customhouse/nest': '*' }),
  'apps/embedded/src/main.ts':
    "import { main } from '@customhouse/audit/main';\nimport { policy } from '@customhouse/policy/main';\nimport { run } from '@customhouse/nest/run';\nexport const all = [main, policy, run];\n",
  'apps/cli/package.json': packageOf('cli', { '@customhouse/http-contract': '*' }),
  'apps/cli/src/main.ts': "import { routes } from '@customhouse/http-contract/audit';\nexport const cli = routes;\n",
  'e2e/scenario.ts': "import { Envelope } from '@customhouse/events/envelope';\nexport const scenario = Envelope;\n",
};

/** A file with one forbidden import each, and the rule that forbids it. */
const violations: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['contracts-import-nothing-of-ours', 'contracts/events/src/bad-kernel.ts', "import '@customhouse/kernel/time';\n"],
  ['contracts-import-nothing-of-ours', 'contracts/events/src/bad-node.ts', "import 'node:fs';\n"],
  ['contracts-import-nothing-of-ours', 'contracts/events/src/bad-npm.ts', "import 'pg';\n"],
  ['pure-code-has-no-platform', 'contracts/events/src/bad-platform.ts', "import 'node:crypto';\n"],
  ['pure-libs-import-pure-code', 'libs/detectors/src/bad-driver.ts', "import '@customhouse/event-log/port';\n"],
  ['pure-libs-import-pure-code', 'libs/detectors/src/bad-service.ts', "import '@customhouse/audit/domain/fold';\n"],
  ['pure-libs-import-named-packages', 'libs/detectors/src/bad-npm.ts', "import 'undici';\n"],
  ['pure-code-has-no-platform', 'libs/detectors/src/bad-node.ts', "import 'node:fs';\n"],
  ['kernel-imports-nothing', 'libs/kernel/src/bad-contract.ts', "import '@customhouse/events/envelope';\n"],
  ['driver-libs-not-sideways', 'libs/event-store/src/bad-sideways.ts', "import '@customhouse/event-log/writer';\n"],
  ['driver-libs-not-sideways', 'libs/event-store/src/bad-type.ts', "import type { writer } from '@customhouse/event-log/writer';\nexport type W = typeof writer;\n"],
  ['driver-libs-not-sideways', 'libs/event-log/src/bad-host.ts', "import '@customhouse/nest/run';\n"],
  ['libs-import-no-service', 'libs/nest/src/bad-service.ts', "import '@customhouse/audit/main';\n"],
  ['domain-imports-contracts-and-kernel', 'services/audit/src/domain/bad-lib.ts', "import '@customhouse/event-log/port';\n"],
  ['domain-imports-contracts-and-kernel', 'services/audit/src/domain/bad-npm.ts', "import 'zod';\n"],
  ['domain-imports-contracts-and-kernel', 'services/audit/src/domain/bad-outer.ts', "import '../calls-view.js';\n"],
  ['pure-code-has-no-platform', 'services/audit/src/domain/bad-node.ts', "import 'node:timers';\n"],
  ['services-not-each-other', 'services/audit/src/bad-neighbour.ts', "import '@customhouse/policy/main';\n"],
  ['services-not-each-other', 'services/audit/src/bad-relative.ts', "import '../../policy/src/main.js';\n"],
  ['services-import-no-app', 'services/audit/src/bad-app.ts', "import '@customhouse/cli/main';\n"],
  ['typeorm-in-views-only', 'services/audit/src/bad-entity.ts', "import 'typeorm';\n"],
  ['outsiders-see-contracts-only', 'apps/cli/src/bad-lib.ts', "import '@customhouse/kernel/time';\n"],
  ['outsiders-see-contracts-only', 'apps/cli/src/bad-service.ts', "import '@customhouse/audit/main';\n"],
  ['outsiders-see-contracts-only', 'e2e/bad-lib.ts', "import '@customhouse/nest/run';\n"],
  ['test-engines-in-tests-only', 'services/audit/src/bad-engine.ts', "import '@customhouse/test-engines/postgres';\n"],
  ['no-test-code-in-production', 'services/audit/src/bad-test.ts', "import './domain/fold.spec.js';\n"],
  ['declared-dependencies-only', 'services/audit/src/bad-undeclared.ts', "import 'undici';\n"],
  ['no-unresolvable', 'services/audit/src/bad-nowhere.ts', "import './nowhere.js';\n"],
  ['no-cycles', 'services/audit/src/bad-cycle.ts', "import './bad-round.js';\n"],
];
const round = { 'services/audit/src/bad-round.ts': "import './bad-cycle.js';\n" };

interface Cruise {
  readonly summary: { readonly violations: readonly { readonly rule: { readonly name: string }; readonly from: string }[] };
}

async function cruise(files: Readonly<Record<string, string>>): Promise<string[]> {
  const tree = temporaryTree(files);
  try {
    const { output } = await runTool(
      tree.folder,
      'dependency-cruiser/bin/dependency-cruiser.mjs',
      '--config',
      '.dependency-cruiser.mjs',
      '--output-type',
      'json',
      'contracts',
      'libs',
      'services',
      'apps',
      'e2e',
    );
    return (JSON.parse(output) as Cruise).summary.violations.map((violation) => `${violation.rule.name} ${violation.from}`);
  } finally {
    tree.remove();
  }
}

describe('the import rules', () => {
  let clean: string[];
  let broken: string[];
  beforeAll(async () => {
    clean = await cruise(good);
    broken = await cruise({ ...good, ...round, ...Object.fromEntries(violations.map(([, path, text]) => [path, text])) });
  }, 180_000);

  it('have nothing against a tree in order', () => {
    expect(clean).toEqual([]);
  });

  it.each(violations)('%s turns red for %s', (rule, path) => {
    expect(broken).toContain(`${rule} ${path}`);
  });

  it('are each proven by a violation', async () => {
    const { default: configuration } = (await import('../../.dependency-cruiser.mjs' as string)) as { default: { forbidden: { name: string }[] } };
    expect(configuration.forbidden.map((rule) => rule.name).sort()).toEqual([...new Set(violations.map(([rule]) => rule))].sort());
  });

  it('do not turn red anywhere else', () => {
    const bad = new Set([...violations.map(([, path]) => path), ...Object.keys(round)]);
    expect(broken.filter((violation) => !bad.has(violation.split(' ')[1]!))).toEqual([]);
  });
});
