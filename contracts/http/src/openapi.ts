import { z } from 'zod';
import { forbidden, internal, invalidRequest, Problem, tooLarge, unauthenticated, unavailable, type ProblemKind } from './problem.js';
import { isStream, pathParameters, successStatus, type Route, type RouteTable, type Stream } from './route.js';

type JsonObject = Record<string, unknown>;

/** What a document is about: one service, or several that share a port. */
export interface ApiDescription {
  readonly title: string;
  readonly description: string;
  /** Route tables by tag, which is the service's name. */
  readonly services: Readonly<Record<string, RouteTable>>;
}

/** The OpenAPI 3.1 document of route tables. The committed files and `/openapi.json` are both made by this. Pure; throws where a table contradicts itself. */
export function openApiDocument(api: ApiDescription): JsonObject {
  const components = new Components();
  const problem = components.reference(Problem, 'output');
  const paths: Record<string, JsonObject> = {};
  const seen = new Set<string>();
  for (const [service, table] of Object.entries(api.services)) {
    for (const [name, route] of Object.entries(table)) {
      const path = route.path.replaceAll(/:([a-z_]+)/g, '{$1}');
      const operation = `${route.method} ${path.replaceAll(/\{[^}]+\}/g, '{}')}`;
      if (seen.has(operation)) throw new Error(`${operation} is declared twice`);
      seen.add(operation);
      (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(service, name, route, components, problem);
    }
  }
  return {
    openapi: '3.1.1',
    info: { title: api.title, version: '1', description: api.description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    tags: Object.keys(api.services).map((name) => ({ name })),
    security: [{ key: [] }],
    paths,
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key, `chk_…`.' } }, schemas: components.schemas },
  };
}

function operationOf(service: string, name: string, route: Route, components: Components, problem: JsonObject): JsonObject {
  const roles = route.roles === 'public' ? 'Needs no key.' : route.roles.length === 0 ? 'Any valid key.' : `Roles: ${route.roles.join(' or ')}.`;
  return {
    operationId: `${service}.${name}`,
    tags: [service],
    summary: route.summary,
    description: route.description === undefined ? roles : `${route.description}\n\n${roles}`,
    ...(route.roles === 'public' ? { security: [] } : {}),
    ...parametersOf(route, components),
    ...(route.body ? { requestBody: { required: true, content: { 'application/json': { schema: components.reference(route.body, 'input') } } } } : {}),
    responses: { [successStatus(route)]: successOf(route.response, components), ...problemsOf(route, problem) },
  };
}

function parametersOf(route: Route, components: Components): JsonObject {
  const declared = Object.keys(route.params?.shape ?? {}).toSorted();
  const named = pathParameters(route.path).toSorted();
  if (declared.join() !== named.join()) throw new Error(`${route.method} ${route.path}: the path names [${named.join(', ')}], and params describes [${declared.join(', ')}]`);
  const parameters = [...membersOf(route.params, 'path', components), ...membersOf(route.query, 'query', components)];
  return parameters.length > 0 ? { parameters } : {};
}

function membersOf(schema: z.ZodObject | undefined, place: 'path' | 'query', components: Components): JsonObject[] {
  return Object.entries(schema?.shape ?? {}).map(([name, member]) => {
    const json = components.reference(member as z.ZodType, 'input');
    const { description, ...rest } = json;
    const required = place === 'path' || !z.safeParse(member as z.ZodType, undefined).success;
    return { name, in: place, required, ...(description === undefined ? {} : { description }), schema: rest };
  });
}

function successOf(response: z.ZodType | Stream | undefined, components: Components): JsonObject {
  if (response === undefined) return { description: 'Done.' };
  if (isStream(response)) {
    const each = response.media === 'text/event-stream' ? 'The data of each event' : 'Each line';
    return {
      description: `${each} is one of the items that \`x-item\` describes.`,
      content: { [response.media]: { schema: { type: 'string' }, 'x-item': components.reference(response.of, 'output') } },
    };
  }
  return { description: 'Done.', content: { 'application/json': { schema: components.reference(response, 'output') } } };
}

/** The problems a route can answer: its own, and those that the host of the services makes for any. */
export function problemKindsOf(route: Route): ProblemKind[] {
  const general: ProblemKind[] = [internal, unavailable];
  if (route.params || route.query || route.body) general.push(invalidRequest);
  if (route.body) general.push(tooLarge);
  if (route.roles !== 'public') general.push(unauthenticated, forbidden);
  const kinds = [...route.errors, ...general];
  return kinds.filter((kind, index) => kinds.findIndex((other) => other.code === kind.code) === index);
}

function problemsOf(route: Route, schema: JsonObject): JsonObject {
  const byStatus = Map.groupBy(problemKindsOf(route), (kind) => kind.status);
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, kinds]) => [status, { description: kinds.map((kind) => `\`${kind.code}\`: ${kind.title}.`).join(' '), content: { 'application/problem+json': { schema } } }]),
  );
}

/** Schemas that have a name (`.meta({ id })`) are described once, under it. */
class Components {
  readonly schemas: Record<string, unknown> = {};

  /** The JSON Schema of a value as a client sends (`input`) or gets it (`output`). */
  reference(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
    const json = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' }) as JsonObject;
    const { $schema, $defs, id, ...root } = json;
    const renamed = new Map<string, string>();
    for (const name of Object.keys(($defs as JsonObject | undefined) ?? {})) renamed.set(`#/$defs/${name}`, this.#nameFor(name, ($defs as JsonObject)[name]));
    for (const [name, definition] of Object.entries(($defs as JsonObject | undefined) ?? {})) this.#add(renamed.get(`#/$defs/${name}`)!, point(definition, renamed));
    if (typeof id !== 'string') return point(root, renamed) as JsonObject;
    const name = this.#nameFor(id, root);
    // A schema that contains itself points at the root of its own document.
    this.#add(name, point(root, new Map([...renamed, ['#', `#/components/schemas/${name}`]])));
    return { $ref: `#/components/schemas/${name}` };
  }

  #names = new Map<string, string>();

  /** The same name for the same shape; the next free one where input and output differ. */
  #nameFor(wanted: string, definition: unknown): string {
    const base = wanted.startsWith('__') ? 'Nested' : wanted;
    const shape = JSON.stringify(definition);
    for (let attempt = 1; ; attempt += 1) {
      const name = attempt === 1 ? base : `${base}${attempt}`;
      const known = this.#names.get(name);
      if (known === undefined) this.#names.set(name, shape);
      if (known === undefined || known === shape) return name;
    }
  }

  #add(name: string, definition: unknown): void {
    const { id, ...rest } = definition as JsonObject;
    this.schemas[name] = rest;
  }
}

/** A copy in which references to `$defs` point at their components. */
function point(value: unknown, renamed: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => point(item, renamed));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const target = key === '$ref' && typeof member === 'string' ? renamed.get(member) : undefined;
      if (target === undefined) return [key, point(member, renamed)];
      return [key, target.startsWith('#') ? target : `#/components/schemas/${target}`];
    }),
  );
}
