import { hash } from 'node:crypto';
import type { ListKind, ToolDefinition } from '@customhouse/events/registry/events';
import { definitionText } from '@customhouse/mcp-wire/definition';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { UpstreamFailed, type Upstream } from '@customhouse/upstream/upstream';
import { proposedLabels } from '../domain/labels.js';
import type { Offer } from '../domain/offers.js';

export interface ListingLimits {
  /** Items of one list. */
  readonly tools: number;
  /** The same for templates. */
  readonly templates: number;
  readonly pages: number;
  readonly definitionBytes: number;
  readonly pageBytes: number;
  readonly listBytes: number;
  /** For one page. A whole list has four times as long, however many pages it has. */
  readonly listTimeout_ms: number;
}

/** The server's list cannot be believed. The message says why, in words for people. */
export class ListingRefused extends Error {
  override readonly name = 'ListingRefused';
}

export interface Listing {
  readonly offers: readonly Offer[];
  /** Items that were left out, and why. */
  readonly omitted: readonly string[];
}

interface Shape {
  readonly method: string;
  readonly capability: string;
  /** The member of the answer that has the items. */
  readonly member: string;
  /** The member of an item that names it. */
  readonly name: string;
  /** An item in words. */
  readonly item: string;
  /** Answers what is wrong with a name; undefined for a good one. */
  problem(name: string): string | undefined;
}

/** URIs are keys in the log and in an index of the database, which takes no longer ones. */
const uriBytes = 2_000;
const uriProblem = (uri: string): string | undefined =>
  Buffer.byteLength(uri) > uriBytes ? `is longer than ${uriBytes} bytes` : /^[^\p{Cc}]+$/u.test(uri) ? undefined : 'is empty or holds control characters';

const shapes: Readonly<Record<ListKind, Shape>> = {
  tools: {
    method: 'tools/list',
    capability: 'tools',
    member: 'tools',
    name: 'name',
    item: 'tool',
    // As MCP has it.
    problem: (name) => (/^[A-Za-z0-9_.-]{1,128}$/.test(name) ? undefined : 'a name has 1 to 128 of A-Z, a-z, 0-9, "_", "." and "-"'),
  },
  prompts: {
    method: 'prompts/list',
    capability: 'prompts',
    member: 'prompts',
    name: 'name',
    item: 'prompt',
    problem: (name) => (/^[^\p{Cc}]{1,128}$/u.test(name) ? undefined : 'a name has 1 to 128 characters, and no control characters'),
  },
  resources: { method: 'resources/list', capability: 'resources', member: 'resources', name: 'uri', item: 'resource', problem: uriProblem },
  templates: { method: 'resources/templates/list', capability: 'resources', member: 'resourceTemplates', name: 'uriTemplate', item: 'template', problem: uriProblem },
};

const methodNotFound = -32601;
/** Pages that may take all of their time. A server that is slow with each of very many would keep others from being looked at. */
const listPages = 4;

/**
 * All pages of one of a server's lists, in its order. An item that cannot be served is left out; a list that does not end, or that is
 * longer than the limit, is refused as a whole. A server without the capability has an empty list. Rejects with ListingRefused or UpstreamFailed.
 */
export async function readListing(upstream: Upstream, kind: ListKind, limits: ListingLimits, signal: AbortSignal): Promise<Listing> {
  const shape = shapes[kind];
  const { capabilities } = upstream.initialized as { capabilities?: unknown };
  if (!isJsonObject(capabilities) || capabilities[shape.capability] === undefined) return { offers: [], omitted: [] };
  const offers = new Map<string, Offer>();
  const omitted: string[] = [];
  let listBytes = 0;
  const due = performance.now() + limits.listTimeout_ms * listPages;
  const seen = new Set<string>();
  let cursor: string | undefined;
  for (let pages = 1; ; pages += 1) {
    const left_ms = Math.ceil(due - performance.now());
    if (left_ms < 1) throw new ListingRefused(`its list of ${kind} takes longer than ${limits.listTimeout_ms * listPages} ms (four times CUSTOMHOUSE_REGISTRY_LIST_TIMEOUT_MS)`);
    const page = await readPage(upstream, kind, cursor, { ...limits, listTimeout_ms: Math.min(limits.listTimeout_ms, left_ms) }, signal);
    for (const item of page.items) {
      const taken = take(item, kind, offers, limits);
      if (typeof taken === 'number') listBytes += taken;
      else if (omitted.length < 20) omitted.push(taken);
    }
    const most = kind === 'templates' ? limits.templates : limits.tools;
    if (offers.size > most) throw new ListingRefused(`it lists more than ${most} ${kind} (CUSTOMHOUSE_REGISTRY_${kind === 'templates' ? 'TEMPLATES' : 'TOOLS'})`);
    if (listBytes > limits.listBytes)
      throw new ListingRefused(`the definitions of its ${kind} are longer than ${limits.listBytes} bytes together (CUSTOMHOUSE_REGISTRY_LIST_BYTES)`);
    if (page.next === undefined) return { offers: [...offers.values()], omitted };
    if (seen.has(page.next) || pages >= limits.pages) throw new ListingRefused(`its list of ${kind} does not end: page ${pages} leads to another one`);
    seen.add(page.next);
    cursor = page.next;
  }
}

/** Each list that the server has: as it was had, or the reason why it was not. Rejects with UpstreamFailed when the connection is gone. */
export async function readListings(
  upstream: Upstream,
  kinds: readonly ListKind[],
  limits: ListingLimits,
  signal: AbortSignal,
): Promise<Record<ListKind, Listing | ListingRefused | UpstreamFailed>> {
  const found = await Promise.all(
    kinds.map(async (kind) => {
      try {
        return [kind, await readListing(upstream, kind, limits, signal)] as const;
      } catch (error) {
        if (error instanceof ListingRefused || (error instanceof UpstreamFailed && costsOneList.has(error.reason))) return [kind, error] as const;
        throw error;
      }
    }),
  );
  return Object.fromEntries(found) as Record<ListKind, Listing | ListingRefused | UpstreamFailed>;
}

/** Failures of one answer; after any other one the connection is of no use. */
const costsOneList: ReadonlySet<UpstreamFailed['reason']> = new Set(['timeout', 'too-large', 'malformed', 'http-status']);

async function readPage(
  upstream: Upstream,
  kind: ListKind,
  cursor: string | undefined,
  limits: ListingLimits,
  signal: AbortSignal,
): Promise<{ items: readonly unknown[]; next: string | undefined }> {
  const { method, member } = shapes[kind];
  const answer = await upstream.call(
    { method, ...(cursor === undefined ? {} : { params: { cursor } }) },
    { timeout_ms: limits.listTimeout_ms, max_bytes: limits.pageBytes, signal },
  );
  if ('error' in answer) {
    // Servers with resources need not have templates, and the other way round.
    if (answer.error.code === methodNotFound && kind !== 'tools') return { items: [], next: undefined };
    throw new ListingRefused(`it answered ${method} with the error ${answer.error.code}: ${answer.error.message.slice(0, 300)}`);
  }
  const items = answer.result[member];
  const { nextCursor } = answer.result;
  if (!Array.isArray(items)) throw new ListingRefused(`its answer to ${method} has no list of ${kind}`);
  if (nextCursor !== undefined && nextCursor !== null && typeof nextCursor !== 'string') throw new ListingRefused(`its answer to ${method} has a nextCursor that is no text`);
  return { items, next: nextCursor || undefined };
}

/** Answers the bytes of the definition, or why the item is left out. */
function take(item: unknown, kind: ListKind, offers: Map<string, Offer>, limits: ListingLimits): number | string {
  const shape = shapes[kind];
  const name = isJsonObject(item) ? item[shape.name] : undefined;
  if (!isJsonObject(item) || typeof name !== 'string') return `a ${shape.item} without a ${shape.name}`;
  const shown = `"${name.slice(0, 100)}"`;
  const problem = shape.problem(name);
  if (problem !== undefined) return `${shown}: ${problem}`;
  if (offers.has(name)) return `${shown}: listed twice, the first counts`;
  const text = definitionTextOf(item);
  if (text === undefined) return `${shown}: its definition cannot be recorded`;
  const size = Buffer.byteLength(text);
  if (size > limits.definitionBytes) return `${shown}: its definition is longer than ${limits.definitionBytes} bytes (CUSTOMHOUSE_REGISTRY_DEFINITION_BYTES)`;
  const labels = kind === 'tools' ? proposedLabels(item as JsonObject & ToolDefinition) : [];
  offers.set(name, { name, digest: hash('sha256', text, 'hex'), definition: item, labels });
  return size;
}

/** Undefined for what has no canonical form, and for U+0000, which PostgreSQL's JSON cannot hold. */
function definitionTextOf(item: JsonObject): string | undefined {
  try {
    const text = definitionText(item);
    return text.includes('\\u0000') ? undefined : text;
  } catch {
    return undefined;
  }
}
