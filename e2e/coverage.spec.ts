import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { requirements } from './requirements.js';

const scenarios = new URL('./scenarios/', import.meta.url);

function citedIds(): string[] {
  const texts = readdirSync(scenarios).map((name) => readFileSync(new URL(name, scenarios), 'utf8'));
  return texts.flatMap((text) =>
    [...text.matchAll(/(?:\b(?:it|test)|\bit\.each\([^`]*?\))\(\s*[`'"]((?:\[[a-z0-9-]+\])+)/g)].flatMap((match) =>
      [...match[1]!.matchAll(/\[([a-z0-9-]+)\]/g)].map((id) => id[1]!),
    ),
  );
}

describe('the manifest of requirements', () => {
  it('has every id once', () => {
    const ids = requirements.map((row) => row.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has a scenario for every row', () => {
    const cited = new Set(citedIds());
    expect(requirements.map((row) => row.id).filter((id) => !cited.has(id))).toEqual([]);
  });

  it('knows every id that a scenario cites', () => {
    const known = new Set(requirements.map((row) => row.id));
    expect(citedIds().filter((id) => !known.has(id))).toEqual([]);
  });
});
