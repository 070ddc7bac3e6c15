import { describe, expect, it } from '@jest/globals';
import { bytes, count, flag, list, loadSettings, milliseconds, optionalText, port, setting, SettingsError, text, type Environment, type SettingsDefinition } from './settings.js';

const definition = {
  name: setting({ env: 'T_NAME', schema: text, default: 'gate', description: 'The name.' }),
  port: setting({ env: 'T_PORT', schema: port, default: '8400', description: 'The port.' }),
  url: setting({ env: 'T_URL', schema: text, description: 'Where the database is.', secret: true }),
  note: setting({ env: 'T_NOTE', schema: optionalText, description: 'A note.' }),
};

function noFile(path: string): string {
  throw new Error(`ENOENT: no such file, open '${path}'`);
}

function load<D extends SettingsDefinition>(settings: D, environment: Environment, readFile = noFile) {
  return loadSettings(settings, environment, readFile);
}

function problems(environment: Environment, readFile = noFile): readonly string[] {
  try {
    load(definition, environment, readFile);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('come from the environment, and from their defaults otherwise', () => {
    expect(load(definition, { T_URL: 'postgres://db', T_PORT: '9000' })).toEqual({ name: 'gate', port: 9000, url: 'postgres://db', note: undefined });
  });

  it('ignore white space around a value, and take an empty one for absent', () => {
    expect(load(definition, { T_URL: ' postgres://db\n', T_PORT: ' ', T_NAME: '' })).toMatchObject({ name: 'gate', port: 8400, url: 'postgres://db' });
  });

  it('report everything that is wrong at once, each with its name and value', () => {
    expect(problems({ T_PORT: 'http' })).toEqual(['T_PORT is "http": not a number', 'T_URL is required: Where the database is.']);
    const error = new SettingsError(problems({ T_PORT: '70000' }));
    expect(error.message).toMatch(/^the settings are not usable:\n {2}- T_PORT is "70000": .*\n {2}- T_URL is required/);
  });

  it('do not fill a faulty value with the default', () => {
    expect(problems({ T_URL: 'x', T_PORT: '-1' })).toHaveLength(1);
  });
});

describe('a secret setting', () => {
  it('is also read from the file that <env>_FILE names', () => {
    expect(load(definition, { T_URL_FILE: '/run/secrets/url' }, (path) => `postgres://from${path}\n`).url).toBe('postgres://from/run/secrets/url');
  });

  it('is not read from a file when it is no secret', () => {
    expect(load(definition, { T_URL: 'x', T_NAME_FILE: '/etc/passwd' }).name).toBe('gate');
  });

  it('says which file cannot be read', () => {
    expect(problems({ T_URL_FILE: '/run/secrets/url' })[0]).toBe("T_URL_FILE names /run/secrets/url, which cannot be read: ENOENT: no such file, open '/run/secrets/url'");
  });

  it('is required when its file is empty', () => {
    expect(problems({ T_URL_FILE: '/run/secrets/url' }, () => '\n')).toEqual(['T_URL is required: Where the database is.']);
  });

  it('is not given twice', () => {
    expect(problems({ T_URL: 'a', T_URL_FILE: '/b' }, () => 'c')).toEqual(['T_URL and T_URL_FILE are both set: remove one']);
  });

  it('is not quoted when it is wrong', () => {
    const secret = { key: setting({ env: 'T_KEY', schema: text.min(32, 'must have at least 32 characters'), secret: true, description: 'A key.' }) };
    expect(() => load(secret, { T_KEY: 'hunter2' })).toThrow(/T_KEY: must have at least 32 characters$/);
  });
});

describe('the ready-made schemas', () => {
  it.each([
    [port, '0', 0],
    [port, '65535', 65_535],
    [milliseconds, '1500', 1500],
    [count, '3', 3],
    [bytes, '1048576', 1_048_576],
    [flag, 'true', true],
    [flag, 'false', false],
    [list, 'a, b ,,c', ['a', 'b', 'c']],
    [list, '', []],
  ])('read %#', (schema, input, output) => {
    expect(schema.parse(input)).toEqual(output);
  });

  it.each([
    [port, '65536'],
    [port, '80.5'],
    [milliseconds, '-1'],
    [milliseconds, '5s'],
    [count, 'many'],
    [bytes, '1 MB'],
    [bytes, 'Infinity'],
    [flag, 'yes'],
    [flag, 'TRUE'],
  ])('refuse %#', (schema, input) => {
    expect(schema.safeParse(input).success).toBe(false);
  });
});
