import { hash } from 'node:crypto';
import type { ToolDefinition } from '@customhouse/events/registry/events';
import { definitionText } from '@customhouse/mcp-wire/definition';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Upstream } from '@customhouse/upstream/upstream';
import { proposedLabels } from '../domain/labels.js';
import type { OfferedTool } from '../domain/server.js';

export interface ListingLimits {
  readonly tools: number;
  readonly pages: number;
  readonly definitionBytes: number;
  readonly pageBytes: number;
  readonly listBytes: number;
  readonly listTimeout_ms: number;
}

/** The server's list cannot be believed. The message says why, in words for people. */
export class ListingRefused extends Error {
  override readonly name = 'ListingRefused';
}

export interface Listing {
  readonly tools: readonly OfferedTool[];
  /** Tools that were left out, and why. */
  readonly omitted: readonly string[];
}

// As MCP has it.
const toolName = /^[A-Za-z0-9_.-]{1,128}$/;

/**
 * All pages of a server's list of tools, in its order. A tool that cannot be served is left out; a list that does not end, or
 * that is longer than the limit, is refused as a whole. Rejects with ListingRefused or UpstreamFailed.
 */
export async function listTools(upstream: Upstream, limits: ListingLimits, signal: AbortSignal): Promise<Listing> {
  const { capabilities } = upstream.initialized as { capabilities?: unknown };
  if (!isJsonObject(capabilities) || capabilities['tools'] === undefined) return { tools: [], omitted: [] };
  const tools = new Map<string, OfferedTool>();
  const omitted: string[] = [];
  let listBytes = 0;
  const seen = new Set<string>();
  let cursor: string | undefined;
  for (let pages = 1; ; pages += 1) {
    const page = await readPage(upstream, cursor, limits, signal);
    for (const item of page.tools) {
      const taken = take(item, tools, limits);
      if (typeof taken === 'number') listBytes += taken;
      else if (omitted.length < 20) omitted.push(taken);
    }
    if (tools.size > limits.tools) throw new ListingRefused(`it lists more than ${limits.tools} tools (CUSTOMHOUSE_REGISTRY_TOOLS)`);
    if (listBytes > limits.listBytes) throw new ListingRefused(`the definitions of its tools are longer than ${limits.listBytes} bytes together (CUSTOMHOUSE_REGISTRY_LIST_BYTES)`);
    if (page.next === undefined) return { tools: [...tools.values()], omitted };
    if (seen.has(page.next) || pages >= limits.pages) throw new ListingRefused(`its list of tools does not end: page ${pages} leads to another one`);
    seen.add(page.next);
    cursor = page.next;
  }
}

async function readPage(
  upstream: Upstream,
  cursor: string | undefined,
  limits: ListingLimits,
  signal: AbortSignal,
): Promise<{ tools: readonly unknown[]; next: string | undefined }> {
  const answer = await upstream.call(
    { method: 'tools/list', ...(cursor === undefined ? {} : { params: { cursor } }) },
    { timeout_ms: limits.listTimeout_ms, max_bytes: limits.pageBytes, signal },
  );
  if ('error' in answer) throw new ListingRefused(`it answered tools/list with the error ${answer.error.code}: ${answer.error.message.slice(0, 300)}`);
  const { tools, nextCursor } = answer.result;
  if (!Array.isArray(tools)) throw new ListingRefused('its answer to tools/list has no list of tools');
  if (nextCursor !== undefined && nextCursor !== null && typeof nextCursor !== 'string') throw new ListingRefused('its answer to tools/list has a nextCursor that is no text');
  return { tools, next: nextCursor || undefined };
}

/** Answers the bytes of the definition, or why the tool is left out. */
function take(item: unknown, tools: Map<string, OfferedTool>, limits: ListingLimits): number | string {
  if (!isJsonObject(item) || typeof item['name'] !== 'string') return 'a tool without a name';
  const { name } = item;
  if (!toolName.test(name)) return `"${name.slice(0, 100)}": a name has 1 to 128 of A-Z, a-z, 0-9, "_", "." and "-"`;
  if (tools.has(name)) return `"${name}": listed twice, the first counts`;
  const text = definitionTextOf(item);
  if (text === undefined) return `"${name}": its definition cannot be recorded`;
  const size = Buffer.byteLength(text);
  if (size > limits.definitionBytes) return `"${name}": its definition is longer than ${limits.definitionBytes} bytes (CUSTOMHOUSE_REGISTRY_DEFINITION_BYTES)`;
  const definition = item as JsonObject & ToolDefinition;
  tools.set(name, { tool: name, digest: hash('sha256', text, 'hex'), definition, labels: proposedLabels(definition) });
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
