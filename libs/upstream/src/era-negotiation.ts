import type { Channel } from './channel.js';
import type { Opening } from './era-memory.js';
import { openLegacy, type Handshake } from './legacy-upstream.js';
import { openModern } from './modern-upstream.js';
import { UpstreamFailed, type Upstream } from './upstream.js';

export interface Negotiation extends Omit<Handshake, 'timeout_ms'> {
  readonly kind: 'http' | 'stdio';
  /** `performance.now()` by which the server must be open. */
  readonly due: number;
  /** At most this long for the answer to `server/discover`. */
  readonly probe_ms: number;
  /** What the server spoke last time. */
  readonly known: Opening | undefined;
  /** A new connection, or a new process. */
  readonly connect: () => Promise<Channel>;
  /** The same server over the transport of 2024-11-05. */
  readonly connectSse: () => Promise<Channel>;
}

export interface Opened {
  readonly upstream: Upstream;
  readonly opening: Opening;
}

/** The server gave no sign of the modern era. `silent`: it said nothing at all. */
interface Fallback {
  readonly why: string;
  readonly silent: boolean;
  /** What `initialize` can be tried on. */
  readonly channel: Channel | undefined;
}

/** Answers a server gives that does not know `server/discover`, or wants a session for everything. Others say nothing about eras. */
const sayNothing: ReadonlySet<number | undefined> = new Set([401, 403, 407, 408, 429, 500, 501, 502, 503, 504]);
/** With these the specification lets a client look for the old transport. */
const perhapsSse: ReadonlySet<number | undefined> = new Set([400, 404, 405, 406, 415]);

/** Finds out what the server speaks: `server/discover` first, `initialize` where that leads nowhere, then HTTP+SSE. Rejects with UpstreamFailed, and nothing is left open then. */
export async function negotiate(options: Negotiation): Promise<Opened> {
  if (options.known === 'sse') return await orFromTheStart(options, () => overSse(options));
  if (options.known === 'legacy') return await orFromTheStart(options, () => legacy(options, undefined));
  const found = await modern(options, options.probe_ms);
  if ('upstream' in found) return found;
  try {
    return await legacy(options, found.channel);
  } catch (error) {
    const failed = error as UpstreamFailed;
    if (options.kind === 'http' && failed.reason === 'http-status' && perhapsSse.has(failed.status)) return await overSse(options, failed);
    if (failed.reason !== 'unsupported-protocol') throw error;
    // A slow start looks like silence. What refuses initialize may by now answer the first question.
    const again = found.silent ? await modern(options, left(options)) : found;
    if ('upstream' in again) return again;
    await again.channel?.close();
    throw new UpstreamFailed('unsupported-protocol', 'no', `${failed.message}; before that, ${found.why}`, { cause: error });
  }
}

/** What was learnt before may be out of date. */
async function orFromTheStart(options: Negotiation, open: () => Promise<Opened>): Promise<Opened> {
  try {
    return await open();
  } catch (error) {
    const stale = error instanceof UpstreamFailed && (error.reason === 'unsupported-protocol' || (error.reason === 'http-status' && perhapsSse.has(error.status)));
    if (!stale) throw error;
    return negotiate({ ...options, known: undefined });
  }
}

async function modern(options: Negotiation, patience_ms: number): Promise<Opened | Fallback> {
  const channel = await options.connect();
  try {
    const upstream = await openModern(channel, { ...options, timeout_ms: Math.min(patience_ms, left(options)) });
    return 'why' in upstream ? { ...upstream, silent: false, channel } : { upstream, opening: 'modern' };
  } catch (error) {
    const fallback = fallbackAfter(error, channel, options);
    if (fallback?.channel !== channel) await channel.close();
    if (fallback === undefined) throw error;
    return fallback;
  }
}

function fallbackAfter(error: unknown, channel: Channel, options: Negotiation): Fallback | undefined {
  if (!(error instanceof UpstreamFailed) || options.signal?.aborted || left(options) <= 1) return undefined;
  const why = `server/discover failed: ${error.message}`;
  if (error.reason === 'timeout') return { why, silent: true, channel };
  if (error.reason === 'malformed' || error.reason === 'too-large') return { why, silent: false, channel };
  if (error.reason === 'http-status') return sayNothing.has(error.status) ? undefined : { why, silent: false, channel };
  // There are servers that end when anything but initialize comes first.
  return error.reason === 'closed' && options.kind === 'stdio' ? { why, silent: false, channel: undefined } : undefined;
}

async function legacy(options: Negotiation, present: Channel | undefined): Promise<Opened> {
  const channel = present ?? (await options.connect());
  try {
    return { upstream: await openLegacy(channel, { ...options, timeout_ms: left(options) }), opening: 'legacy' };
  } catch (error) {
    await channel.close();
    throw error;
  }
}

async function overSse(options: Negotiation, before?: UpstreamFailed): Promise<Opened> {
  let channel: Channel | undefined;
  try {
    channel = await options.connectSse();
    return { upstream: await openLegacy(channel, { ...options, timeout_ms: left(options) }), opening: 'sse' };
  } catch (error) {
    await channel?.close();
    // That there is no such stream either says less than how the server answered before.
    throw before !== undefined && (error as UpstreamFailed).reason === 'http-status' && channel === undefined ? before : error;
  }
}

function left(options: Negotiation): number {
  return Math.max(1, options.due - performance.now());
}
