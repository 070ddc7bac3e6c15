// Freezes a version of an event: brings its fixtures into canonical form and notes the digest of its shape. From then on the
// corpus test keeps the shape as it is. `npm run freeze -- call.admitted registry.tool.drifted`, or `--all` for whatever is new.
// With --unreleased a shape that was frozen before is frozen anew: only right while no log outside development has it.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildAll } from './build.mjs';
import { root } from './generate/root.mjs';

await buildAll();
const { catalogue } = await import('@customhouse/events/all');
const { canonicalise } = await import('@customhouse/kernel/canonical');
const { shapeDigest, digestFile } = await import('../contracts/events/test/corpus.ts');

const folder = join(root, 'contracts/events/fixtures');
const options = process.argv.slice(2).filter((word) => word.startsWith('--'));
const types = options.includes('--all') ? [...catalogue.keys()] : process.argv.slice(2).filter((word) => !word.startsWith('--'));
const path = join(folder, digestFile);
const digests = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
if (types.length === 0) fail('name the types to freeze: npm run freeze -- call.admitted');

for (const type of types) {
  const declaration = catalogue.get(type) ?? fail(`there is no event ${type} in the catalogue`);
  const fixtures = join(folder, type, `v${declaration.version}`);
  const names = existsSync(fixtures) ? readdirSync(fixtures) : [];
  if (names.length === 0) fail(`${type} has no fixture yet: write a whole event to ${fixtures}/<name>.json`);
  for (const name of names) writeFileSync(join(fixtures, name), `${canonicalise(JSON.parse(readFileSync(join(fixtures, name), 'utf8')))}\n`);
  const digest = shapeDigest(declaration);
  const frozen = digests[type]?.[declaration.version];
  if (frozen === digest) continue;
  if (frozen && !options.includes('--unreleased')) fail(`${type} version ${declaration.version} is frozen and was changed since: make a new version of it`);
  digests[type] = { ...digests[type], [declaration.version]: digest };
  console.log(`froze ${type} version ${declaration.version}`);
}
const sorted = Object.fromEntries(Object.entries(digests).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(sorted, undefined, 2)}\n`);

function fail(problem) {
  console.error(problem);
  process.exit(1);
}
