import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { notFound } from './problem.js';
import { defineRoute, fillPath, pathParameters, successStatus, type BodyOf, type ParamsOf, type QueryOf, type ResponseOf } from './route.js';

const rename = defineRoute({
  method: 'PUT',
  path: '/v1/servers/:server/tools/:tool',
  summary: 'Rename a tool.',
  roles: ['operator'],
  params: z.strictObject({ server: z.string(), tool: z.string() }),
  query: z.strictObject({ limit: z.coerce.number().default(1) }),
  body: z.strictObject({ name: z.string() }),
  response: z.strictObject({ done: z.boolean() }),
  errors: [notFound],
});
const remove = defineRoute({
  method: 'DELETE',
  path: '/v1/servers/:server',
  summary: 'Remove a server.',
  roles: ['operator'],
  params: z.strictObject({ server: z.string() }),
  errors: [notFound],
});
const tail = defineRoute({
  method: 'GET',
  path: '/v1/tail',
  summary: 'Follow.',
  roles: [],
  response: { media: 'text/event-stream', of: z.strictObject({ id: z.string() }) },
  errors: [],
});

describe('a route', () => {
  it('gives handlers and clients the types of its schemas', () => {
    const params: ParamsOf<typeof rename> = { server: 'a', tool: 'b' };
    const query: QueryOf<typeof rename> = { limit: 1 };
    const body: BodyOf<typeof rename> = { name: 'c' };
    const response: ResponseOf<typeof rename> = { done: true };
    const nothing: ResponseOf<typeof remove> = undefined;
    const item: ResponseOf<typeof tail> = { id: 'x' };
    // @ts-expect-error the body has no such member
    const wrong: BodyOf<typeof rename> = { title: 'c' };
    expect([params, query, body, response, nothing, item, wrong, tail.path]).toHaveLength(8);
  });

  it('answers 204 when it has no response, and 200 otherwise', () => {
    expect(successStatus(remove)).toBe(204);
    expect(successStatus(rename)).toBe(200);
  });

  it('names its path parameters in order', () => {
    expect(pathParameters(rename.path)).toEqual(['server', 'tool']);
  });

  it('is filled with encoded parameters, so that a name cannot leave its segment', () => {
    expect(fillPath(rename, { server: 'a/../b', tool: 'c?d' })).toBe('/v1/servers/a%2F..%2Fb/tools/c%3Fd');
  });

  it('is not filled when a parameter is missing or empty', () => {
    expect(() => fillPath(rename, { server: 'a' })).toThrow('needs the path parameter "tool"');
    expect(() => fillPath(remove, { server: '' })).toThrow('needs the path parameter "server"');
  });
});
