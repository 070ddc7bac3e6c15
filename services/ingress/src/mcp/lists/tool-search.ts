import MiniSearch from 'minisearch';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { Catalog, ServedTool } from '../../state/catalog.js';
import { everything, type Endpoint } from '../../state/endpoint.js';
import type { Caller } from '../caller.js';
import { Failure } from '../failure.js';
import type { Parts } from '../parts.js';
import { incompleteParts, metaOf } from './incomplete.js';
import { seeing, type Sight } from './sight.js';
import { listMethods } from './list-methods.js';

/** `words`: what of a query is looked for. Each word is compared with all words of all definitions. */
const limits = { query: 1_000, words: 16, results: 20, usualResults: 5 };

/** What a toolset shows instead of its tools when it is searched. Neither name can be a tool's, because those have `__` in them. */
export const searchTools: readonly JsonObject[] = [
  {
    name: 'find_tools',
    title: 'Find tools',
    description:
      'Finds tools by what they do, and answers with their names, descriptions and input schemas. There are many tools behind this one: search before you say that something cannot be done, then use call_tool.',
    inputSchema: {
      type: 'object',
      properties: {
        query: { type: 'string', minLength: 1, maxLength: limits.query, description: 'What the tool should do, in a few words.' },
        limit: { type: 'integer', minimum: 1, maximum: limits.results, default: limits.usualResults, description: 'How many tools to answer with at most.' },
      },
      required: ['query'],
    },
    outputSchema: { type: 'object', properties: { tools: { type: 'array', items: { type: 'object' } } }, required: ['tools'] },
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  },
  {
    name: 'call_tool',
    title: 'Call a tool',
    description: 'Calls a tool that find_tools has found, with arguments that fit its input schema. The answer is that of the tool.',
    inputSchema: {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1, description: 'The name of the tool, as find_tools gave it.' },
        arguments: { type: 'object', description: 'The arguments of the tool.' },
      },
      required: ['name'],
    },
  },
];

export interface Query {
  readonly query: string;
  /** Tools at most. */
  readonly limit: number;
}

/** What a `tools/call` at a searched toolset turns out to be. */
export type Turned =
  /** A search, to be answered here. It reaches no server, and is no call that is recorded, as a list is none. */
  | { readonly find: Query }
  /** A call of another tool: the parameters as if that had been called itself. All that follows sees nothing else. */
  | { readonly call: JsonObject };

interface Document {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly parameters: string;
}

/** Finds tools by words, for toolsets with too many to list. Only accepted definitions are searched, and only what the caller could be allowed is found. */
export class ToolSearch {
  readonly #index = new MiniSearch<Document>({
    fields: ['name', 'title', 'description', 'parameters'],
    tokenize: wordsIn,
    searchOptions: { boost: { name: 3, title: 2 }, prefix: (term) => term.length > 2, fuzzy: (term) => (term.length > 4 ? 0.2 : false), maxFuzzy: 2 },
  });
  /** Digests of what the index holds, by exposed name. */
  readonly #indexed = new Map<string, string>();
  #version = -1;
  #updating: Promise<void> = Promise.resolve();

  constructor(private readonly catalog: Catalog) {}

  /** Whether clients of the endpoint get the two tools instead of all. */
  serves({ toolset }: Endpoint): boolean {
    return toolset !== null && this.catalog.toolset(toolset)?.search === true;
  }

  /** Undefined for a call of a tool by its own name, which a searched toolset takes as well. Throws Failure. */
  turn(at: Endpoint, params: JsonObject | undefined): Turned | undefined {
    const name = params?.['name'];
    if ((name !== 'find_tools' && name !== 'call_tool') || !this.serves(at)) return undefined;
    const args = params!['arguments'] ?? {};
    if (!isJsonObject(args)) throw new Failure('invalid-params', `the "arguments" of ${name} must be an object`);
    return name === 'find_tools' ? { find: queryIn(args) } : { call: { ...params, ...calledIn(args) } };
  }

  /** The result of a search, which has a place among the caller's calls while it lasts. Rejects with Failure. */
  async answer(query: Query, { caller, at }: { readonly caller: Caller; readonly at: Endpoint }, { active, policy }: Pick<Parts, 'active' | 'policy'>): Promise<JsonObject> {
    active.enter(caller.who);
    try {
      return await this.find(query, caller, at, policy());
    } finally {
      active.leave(caller.who);
    }
  }

  async find({ query, limit }: Query, caller: Caller, at: Endpoint, policy: Policy): Promise<JsonObject> {
    await this.#upToDate();
    return seeing(policy, (sight) => this.#found({ query, limit }, caller, at, sight));
  }

  #found({ query, limit }: Query, caller: Caller, at: Endpoint, sight: Sight): JsonObject {
    const principal = caller.seen;
    const found: ServedTool[] = [];
    for (const { id } of this.#index.search(wordsIn(query).slice(0, limits.words).join(' '))) {
      if (found.length === limit) break;
      const tool = this.catalog.findTool(at, String(id));
      if (tool !== undefined && sight.visible(principal, tool)) found.push(tool);
    }
    const tools = found.map(({ described, exposed }): JsonObject => ({ ...(described as JsonObject), name: exposed }));
    const text = tools.length === 0 ? 'No tool was found. Try other words.' : JSON.stringify({ tools });
    const incomplete = incompleteParts(this.catalog, at, listMethods['tools/list'], principal, sight, new Set(found.map(({ server }) => server)));
    return { content: [{ type: 'text', text }], structuredContent: { tools }, ...(incomplete.length > 0 && { _meta: metaOf(incomplete) }) };
  }

  /** Brings the index to the present catalogue, one search after the other. What fails is begun again from nothing by the next one. */
  #upToDate(): Promise<void> {
    this.#updating = this.#updating
      .catch(() => {
        this.#index.removeAll();
        this.#indexed.clear();
      })
      .then(() => this.#update());
    return this.#updating;
  }

  /** Only what changed is read again, and others get their turn meanwhile. */
  async #update(): Promise<void> {
    const { version } = this.catalog;
    if (this.#version === version) return;
    const present = new Map([...this.catalog.tools(everything)].map((tool) => [tool.exposed, tool]));
    for (const [id, digest] of this.#indexed) {
      if (present.get(id)?.definition === digest) continue;
      this.#index.discard(id);
      this.#indexed.delete(id);
    }
    const added = [...present.values()].filter((tool) => !this.#indexed.has(tool.exposed));
    for (const tool of added) this.#indexed.set(tool.exposed, tool.definition);
    await this.#index.addAllAsync(added.map(documentOf), { chunkSize: 100 });
    this.#version = version;
  }
}

function queryIn({ query, limit = limits.usualResults }: JsonObject): Query {
  if (typeof query !== 'string' || query.trim() === '' || query.length > limits.query)
    throw new Failure('invalid-params', `find_tools needs "query", a text of 1 to ${limits.query} characters`);
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > limits.results)
    throw new Failure('invalid-params', `the "limit" of find_tools is a whole number from 1 to ${limits.results}`);
  return { query, limit };
}

function calledIn({ name, arguments: args = {} }: JsonObject): { readonly name: string; readonly arguments: JsonObject } {
  if (typeof name !== 'string' || name === '') throw new Failure('invalid-params', 'call_tool needs "name", the name of a tool that find_tools has found');
  if (!isJsonObject(args)) throw new Failure('invalid-params', 'the "arguments" of the tool must be an object');
  return { name, arguments: args };
}

function documentOf({ exposed, described }: ServedTool): Document {
  const { title, description, inputSchema } = described as JsonObject;
  const properties = isJsonObject(inputSchema) ? inputSchema['properties'] : undefined;
  return { id: exposed, name: exposed, title: textOf(title), description: textOf(description), parameters: isJsonObject(properties) ? Object.keys(properties).join(' ') : '' };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** `getUserName` and `get_user-name` are three words. */
function wordsIn(text: string): string[] {
  return text
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}
