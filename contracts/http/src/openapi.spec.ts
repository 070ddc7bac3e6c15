import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { openApiDocument, problemKindsOf } from './openapi.js';
import { conflict, notFound } from './problem.js';
import { defineRoute, type RouteTable } from './route.js';

const Server = z.strictObject({ name: z.string(), note: z.string().default('') }).meta({ id: 'Server', description: 'A server.' });

const routes = {
  list: defineRoute({
    method: 'GET',
    path: '/v1/servers',
    summary: 'List servers.',
    roles: [],
    query: z.strictObject({ limit: z.coerce.number().int().max(10).default(5).describe('How many.'), after: z.string().optional(), kind: z.enum(['a', 'b']) }),
    response: z.strictObject({ items: z.array(Server) }),
    errors: [],
  }),
  put: defineRoute({
    method: 'PUT',
    path: '/v1/servers/:server',
    summary: 'Put.',
    description: 'More.',
    roles: ['operator'],
    params: z.strictObject({ server: z.string() }),
    body: Server,
    status: 201,
    response: Server,
    errors: [conflict, notFound],
  }),
  drop: defineRoute({ method: 'DELETE', path: '/v1/servers/:server', summary: 'Drop.', roles: ['operator'], params: z.strictObject({ server: z.string() }), errors: [notFound] }),
  tail: defineRoute({ method: 'GET', path: '/v1/tail', summary: 'Follow.', roles: 'public', response: { media: 'text/event-stream', of: Server }, errors: [] }),
  tree: defineRoute({ method: 'GET', path: '/v1/tree', summary: 'Anything.', roles: [], response: z.strictObject({ value: z.json() }), errors: [] }),
};

interface Operation {
  parameters?: { name: string; in: string; required: boolean; schema: object; description?: string }[];
  requestBody?: { content: { 'application/json': { schema: object } } };
  responses: Record<string, { description: string; content?: Record<string, { schema: object; 'x-item'?: object }> }>;
  security?: unknown[];
  operationId: string;
  description: string;
}

function document(table: RouteTable = routes) {
  return openApiDocument({ title: 'Test', description: 'For tests.', services: { test: table } }) as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, object> };
  };
}

describe('the OpenAPI document', () => {
  it('has a path for each route, its parameters in braces', () => {
    expect(Object.entries(document().paths).map(([path, operations]) => [path, Object.keys(operations)])).toEqual([
      ['/v1/servers', ['get']],
      ['/v1/servers/{server}', ['put', 'delete']],
      ['/v1/tail', ['get']],
      ['/v1/tree', ['get']],
    ]);
  });

  it('describes path and query parameters, and which of them are needed', () => {
    const { paths } = document();
    expect(paths['/v1/servers']!['get']!.parameters).toEqual([
      { name: 'limit', in: 'query', required: false, description: 'How many.', schema: expect.objectContaining({ default: 5, maximum: 10 }) },
      { name: 'after', in: 'query', required: false, schema: { type: 'string' } },
      { name: 'kind', in: 'query', required: true, schema: { type: 'string', enum: ['a', 'b'] } },
    ]);
    expect(paths['/v1/servers/{server}']!['put']!.parameters).toEqual([{ name: 'server', in: 'path', required: true, schema: { type: 'string' } }]);
  });

  it('names what has a name, and tells what is sent from what is answered', () => {
    const { paths, components } = document();
    const put = paths['/v1/servers/{server}']!['put']!;
    const sent = (put.requestBody!.content['application/json'].schema as { $ref: string }).$ref;
    const answered = (put.responses['201']!.content!['application/json']!.schema as { $ref: string }).$ref;
    // A member with a default may be left out by the sender, and is always in the answer.
    expect(components.schemas[sent.split('/').at(-1)!]).toMatchObject({ required: ['name'], description: 'A server.' });
    expect(components.schemas[answered.split('/').at(-1)!]).toMatchObject({ required: ['name', 'note'] });
    expect(Object.keys(components.schemas).filter((name) => name.startsWith('Server'))).toHaveLength(2);
  });

  it('points every reference at a component that is there', () => {
    const whole = document();
    const references = [...JSON.stringify(whole).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
    expect(references.length).toBeGreaterThan(5);
    for (const reference of references) expect(Object.keys(whole.components.schemas)).toContain(reference.replace('#/components/schemas/', ''));
  });

  it('says who may, and that a public route needs no key', () => {
    const { paths } = document();
    expect(paths['/v1/servers/{server}']!['put']!.description).toBe('More.\n\nRoles: operator.');
    expect(paths['/v1/servers']!['get']!.description).toBe('Any valid key.');
    expect(paths['/v1/tail']!['get']).toMatchObject({ security: [], description: 'Needs no key.' });
  });

  it('lists the problems by status, the general ones included', () => {
    const { responses } = document().paths['/v1/servers/{server}']!['put']!;
    expect(Object.keys(responses)).toEqual(['201', '400', '401', '403', '404', '409', '413', '500', '503']);
    expect(responses['409']!.description).toContain('`conflict`');
    expect(Object.keys(document().paths['/v1/tail']!['get']!.responses)).toEqual(['200', '500', '503']);
    expect(problemKindsOf(routes.drop).map((kind) => kind.code)).toEqual(['not-found', 'internal', 'unavailable', 'invalid-request', 'unauthenticated', 'forbidden']);
  });

  it('gives a stream its media type and the shape of its items', () => {
    const [media, content] = Object.entries(document().paths['/v1/tail']!['get']!.responses['200']!.content!)[0]!;
    expect(media).toBe('text/event-stream');
    expect(content['x-item']).toEqual({ $ref: '#/components/schemas/Server' });
  });

  it('is the same every time', () => {
    expect(JSON.stringify(document())).toBe(JSON.stringify(document()));
  });

  it('is refused when a path and its parameters disagree', () => {
    const table = { wrong: { ...routes.drop, path: '/v1/servers/:name' } as typeof routes.drop };
    expect(() => document(table)).toThrow('DELETE /v1/servers/:name: the path names [name], and params describes [server]');
  });

  it('is refused when two routes are the same operation, whatever their parameters are called', () => {
    const table = { drop: routes.drop, again: { ...routes.drop, path: '/v1/servers/:name', params: z.strictObject({ name: z.string() }) } as RouteTable[string] };
    expect(() => document(table)).toThrow('DELETE /v1/servers/{} is declared twice');
  });
});
