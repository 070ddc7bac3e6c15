import { createHmac } from 'node:crypto';
import { ulid } from '@customhouse/kernel/ulid';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Caller } from '../caller.js';

/** What a client may call a conversation by. */
const longestMarker = 256;
/** Entries of W3C baggage that name a conversation, the better one first. */
const baggageNames = ['gen_ai.conversation.id', 'session.id'];

/**
 * The sessions of clients that have none (revision 2026-07-28). Every replica derives the same id from what the request says: from the
 * caller and the conversation that the client names, else from the caller and the time, so that what a caller does within one window
 * belongs together. The endpoint makes no difference, because what was read through one can leave through another.
 */
export class Conversations {
  /** `key`: the same in every replica. `window_ms`: how long a session lasts that nobody named. */
  constructor(
    private readonly key: Uint8Array,
    private readonly window_ms: number,
  ) {}

  /** ULID of the session that a request belongs to, by the `_meta` of its params. */
  idFor(caller: Caller, meta: JsonObject, now: number): string {
    const marker = markerIn(meta);
    if (marker !== undefined) return ulid(0, this.#digest(`named ${caller.who} ${marker}`));
    // Not all windows end at once: each caller's begin at a moment of its own.
    const shift = this.#digest(`shift ${caller.who}`).readUInt32BE(0) % this.window_ms;
    const begin = Math.floor((now - shift) / this.window_ms) * this.window_ms + shift;
    return ulid(Math.max(begin, 0), this.#digest(`window ${caller.who} ${begin}`));
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.key).update(text).digest();
  }
}

function markerIn(meta: JsonObject): string | undefined {
  const said = meta['customhouse/conversation'];
  if (isMarker(said)) return said;
  const { baggage } = meta;
  if (typeof baggage !== 'string') return undefined;
  const entries = new Map(baggage.split(',').map((entry) => entryOf(entry)));
  return baggageNames.map((name) => entries.get(name)).find(isMarker);
}

function entryOf(entry: string): [string, string] {
  const [pair = ''] = entry.split(';');
  const [name = '', ...value] = pair.split('=');
  return [name.trim(), value.join('=').trim()];
}

function isMarker(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= longestMarker;
}

/** Whether something is an object of `_meta`; what is none says nothing. */
export function metaOf(params: JsonObject | undefined): JsonObject {
  const meta = params?.['_meta'];
  return isJsonObject(meta) ? meta : {};
}
