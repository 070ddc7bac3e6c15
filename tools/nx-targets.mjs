// Tells Nx that every workspace package with tests has a target `test`. What may import what is not Nx's business here:
// dependency-cruiser is the law (STYLE.md).
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const folders = ['src', 'test'];

export const name = 'customhouse-targets';

export const createNodesV2 = [
  '{contracts/*,libs/*,services/*,apps/*,policies,tools}/package.json',
  (files, _options, context) =>
    files
      .filter((file) => folders.some((folder) => existsSync(join(context.workspaceRoot, dirname(file), folder))))
      .map((file) => [file, { projects: { [dirname(file)]: { targets: { test: testOf(dirname(file)) } } } }]),
];

/** Unit and integration tests of one package. */
function testOf(folder) {
  return {
    command: `npm run --silent jest -- --passWithNoTests --selectProjects unit integration --testPathPatterns /${folder}/`,
    options: { cwd: '{workspaceRoot}' },
    cache: true,
    inputs: ['default', '^default'],
  };
}
