// docs/reference/settings.md, from the settings that each package declares with `setting`.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { cell, notice, root } from './root.mjs';

/** Where settings are declared, in the order of the page. */
const titles = {
  'libs/nest': 'Every process',
  'libs/event-log': 'The log',
  'services/ingress': 'Ingress',
  'services/policy': 'Policy',
  'services/scanner': 'Scanner',
  'services/registry': 'Registry',
  'services/approval': 'Approval',
  'services/audit': 'Audit',
  'apps/embedded': 'Embedded mode',
  'apps/cli': 'Command line',
};
const files = ['config.js', 'settings.js'];

/** Settings by the package that declares them. A package that is not listed above is an error, and not left out. */
export async function declaredSettings() {
  const found = new Map();
  for (const place of packages()) {
    const settings = (await Promise.all(files.map((file) => settingsIn(join(root, place, 'dist', file))))).flat();
    if (settings.length === 0) continue;
    if (!(place in titles)) throw new Error(`${place} declares settings: give it a title in tools/generate/settings-reference.mjs`);
    found.set(place, settings);
  }
  refuseRepetition(found);
  return found;
}

function packages() {
  const all = ['libs', 'services', 'apps'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
  const order = Object.keys(titles);
  return all.sort((a, b) => order.indexOf(a) - order.indexOf(b));
}

async function settingsIn(file) {
  if (!existsSync(file)) return [];
  const exported = Object.values(await import(pathToFileURL(file).href));
  return exported.filter(isDefinition).flatMap((definition) => Object.values(definition));
}

function isDefinition(value) {
  if (typeof value !== 'object' || value === null) return false;
  const members = Object.values(value);
  return members.length > 0 && members.every((member) => typeof member?.env === 'string' && typeof member?.description === 'string' && member?.schema instanceof z.ZodType);
}

/** One environment variable means one thing. */
function refuseRepetition(found) {
  const seen = new Map();
  for (const [place, settings] of found) {
    for (const { env } of settings) {
      if (seen.has(env)) throw new Error(`${env} is declared by ${seen.get(env)} and by ${place}`);
      seen.set(env, place);
    }
  }
}

function defaultOf(setting) {
  if (setting.default !== undefined) return setting.default === '' ? 'empty' : `\`${cell(setting.default)}\``;
  return setting.schema.safeParse(undefined).success ? 'none' : '**required**';
}

function row(setting) {
  const secret = setting.secret ? ' Secret: may also be read from the file that `' + setting.env + '_FILE` names.' : '';
  return `| \`${setting.env}\` | ${defaultOf(setting)} | ${cell(setting.description)}${secret} |`;
}

export async function settingsReference() {
  const sections = [...(await declaredSettings())].map(([place, settings]) =>
    [`## ${titles[place]}`, '', '| variable | default | meaning |', '|---|---|---|', ...settings.map(row), ''].join('\n'),
  );
  const intro =
    'Settings are environment variables. All are read and checked at start, and every fault is reported at once. Times are in milliseconds, sizes in bytes, unless the name says otherwise.';
  return new Map([['docs/reference/settings.md', [notice, '', '# Settings', '', intro, '', ...sections].join('\n')]]);
}
