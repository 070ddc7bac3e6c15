// docs/reference/settings.md, from the settings that each package declares with `setting`.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { cell, notice, root } from './root.mjs';

/** Where settings are declared, from the root. The process-wide ones come first. */
const places = ['libs', 'services', 'apps'];
const files = ['config.js', 'settings.js'];

/** Settings by the package that declares them. */
export async function declaredSettings() {
  const found = new Map();
  for (const place of places) {
    for (const name of readdirSync(join(root, place)).sort()) {
      const settings = (await Promise.all(files.map((file) => settingsIn(join(root, place, name, 'dist', file))))).flat();
      if (settings.length > 0) found.set(`${place}/${name}`, settings);
    }
  }
  refuseRepetition(found);
  return found;
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
    [`## ${titles[place] ?? place}`, '', '| variable | default | meaning |', '|---|---|---|', ...settings.map(row), ''].join('\n'),
  );
  const intro =
    'Settings are environment variables. All are read and checked at start, and every fault is reported at once. Times are in milliseconds, sizes in bytes, unless the name says otherwise.';
  return new Map([['docs/reference/settings.md', [notice, '', '# Settings', '', intro, '', ...sections].join('\n')]]);
}

const titles = { 'libs/nest': 'Every process', 'libs/event-log': 'The log' };
