import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import specs from '@asyncapi/specs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../..', import.meta.url));
const published = join(root, 'contracts/published');

describe('the published AsyncAPI document', () => {
  const document = parse(readFileSync(join(published, 'asyncapi.yaml'), 'utf8')) as { channels: object; components: { messages: object } };
  const ajv = new Ajv({ meta: false, validateSchema: false, strict: false, validateFormats: false });
  const valid = ajv.compile(specs.schemas['3.0.0'] as object);

  it('is valid AsyncAPI 3.0', () => {
    expect(valid(document) ? [] : valid.errors).toEqual([]);
  });

  it('would be refused with a fault in it', () => {
    expect(valid({ ...document, channels: [] })).toBe(false);
    expect(valid({ ...document, operations: { x: { action: 'shout' } } })).toBe(false);
  });

  it('has no reference that leads nowhere', () => {
    for (const reference of new Set([...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].map((match) => match[1]!))) {
      const target = reference
        .split('/')
        .slice(1)
        .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], document);
      expect([reference, typeof target]).toEqual([reference, 'object']);
    }
  });
});

describe('the published OpenAPI documents', () => {
  const names = readdirSync(join(published, 'openapi'));

  it.each(names)('%s is valid OpenAPI 3.1', async (name) => {
    const result = await new Validator().validate(parse(readFileSync(join(published, 'openapi', name), 'utf8')) as Record<string, unknown>);
    expect(result).toEqual({ valid: true });
  });

  it('would be refused with a fault in it', async () => {
    const document = parse(readFileSync(join(published, 'openapi', names[0]!), 'utf8')) as Record<string, unknown>;
    expect((await new Validator().validate({ ...document, info: {} })).valid).toBe(false);
  });
});

describe('the published JSON Schemas', () => {
  const folder = join(root, 'contracts/events/fixtures');
  const ajv = new Ajv2020({ strict: true, strictTypes: false, validateFormats: false });
  const fixtures = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.split('/').length === 3);
  const compiled = new Map<string, ReturnType<Ajv2020['compile']>>();
  const schemaOf = (path: string) => {
    const [type, version] = path.split('/') as [string, string];
    const name = `${type}/${version}.json`;
    if (!compiled.has(name)) compiled.set(name, ajv.compile(JSON.parse(readFileSync(join(published, 'jsonschema', name), 'utf8')) as object));
    return compiled.get(name)!;
  };

  it.each(fixtures)('accept the recorded event %s', (path) => {
    const valid = schemaOf(path);
    expect(valid(JSON.parse(readFileSync(join(folder, path), 'utf8'))) ? [] : valid.errors).toEqual([]);
  });

  it.each(fixtures)('refuse %s with another type, without its data, or out of its chain', (path) => {
    const event = JSON.parse(readFileSync(join(folder, path), 'utf8')) as Record<string, unknown>;
    const { data, ...empty } = event;
    expect(schemaOf(path)({ ...event, type: 'customhouse.other.thing.done.v1' })).toBe(false);
    expect(schemaOf(path)({ ...event, data: { ...(data as object), call: 1, approval: 1, id: 1, name: 1, server: 1, number: '1', about: 1, service: 1, digest: 1 } })).toBe(false);
    expect(schemaOf(path)(empty)).toBe(false);
    if ('sequence' in event) expect(schemaOf(path)({ ...event, sequence: undefined })).toBe(false);
  });
});
