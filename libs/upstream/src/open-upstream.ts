import type { Transport } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { AddressRefused } from './address-guard.js';
import type { Channel } from './channel.js';
import { startChild } from './child-process.js';
import type { EraMemory } from './era-memory.js';
import { negotiate } from './era-negotiation.js';
import { HttpChannel, type HttpChannelOptions } from './http-channel.js';
import type { HttpClient } from './http-client.js';
import { silentLogger, type UpstreamLogger } from './logger.js';
import type { ProcessLimits } from './process-limits.js';
import { openSse } from './sse-channel.js';
import { StdioChannel } from './stdio-channel.js';
import { UpstreamFailed, type Upstream } from './upstream.js';

export interface UpstreamOptions {
  /** How we introduce ourselves. */
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** Which requests of the server the caller answers (`elicitation`, `sampling`, `roots`). Default none. */
  readonly capabilities?: JsonObject;
  /** Which extensions of the modern era the caller knows, by their names. Default none. */
  readonly extensions?: JsonObject;
  /** Connections to HTTP servers, shared by the whole process. */
  readonly http: HttpClient;
  /** Sent with every request of this connection (HTTP). */
  readonly headers?: Readonly<Record<string, string>>;
  /** Start of the process, connection and handshake together. Default 15,000. */
  readonly open_timeout_ms?: number;
  /** Of that, for the question whether the server speaks the modern era. Default a third, at most 5,000. */
  readonly probe_timeout_ms?: number;
  /** Remembers what servers speak, for the next connection. Default: each is asked every time. */
  readonly eras?: EraMemory;
  /** One message of the server that is not bounded by a call. Default 16 MiB. */
  readonly max_message_bytes?: number;
  /** A notification or an answer, until the server has taken it. Default 5,000. */
  readonly send_timeout_ms?: number;
  /** Default 4,000. */
  readonly close_timeout_ms?: number;
  /** What a stdio server may take. Default: no core dumps, else as the system has it. */
  readonly limits?: ProcessLimits;
  /** Names of variables that a stdio server sees beside the usual ones and its own. Default none. */
  readonly inherit?: readonly string[];
  /** Working directory of a stdio server. Default: ours. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly logger?: UpstreamLogger;
}

/** Connects to a server and shakes hands, in whichever era it speaks. Rejects with UpstreamFailed, and nothing is left running then. */
export async function openUpstream(transport: Transport, options: UpstreamOptions): Promise<Upstream> {
  const patience_ms = options.open_timeout_ms ?? 15_000;
  const due = performance.now() + patience_ms;
  const url = transport.kind === 'http' ? checkedUrl(transport.url, options.http) : undefined;
  const { upstream, opening } = await negotiate({
    kind: transport.kind,
    clientInfo: options.clientInfo,
    capabilities: options.capabilities ?? {},
    extensions: options.extensions,
    max_bytes: options.max_message_bytes ?? 16 * 2 ** 20,
    signal: options.signal,
    logger: options.logger ?? silentLogger,
    due,
    probe_ms: options.probe_timeout_ms ?? Math.min(5_000, patience_ms / 3),
    known: options.eras?.of(transport),
    connect: () => (transport.kind === 'http' ? Promise.resolve(new HttpChannel(httpOptions(url!, options))) : openStdio(transport, options)),
    connectSse: () => openSse({ ...httpOptions(url!, options), open_timeout_ms: Math.max(1, due - performance.now()), signal: options.signal }),
  });
  options.eras?.remember(transport, opening);
  return upstream;
}

function checkedUrl(text: string, http: HttpClient): URL {
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw new UpstreamFailed('unreachable', 'no', `the URL of ${url.host} carries a user name or password; credentials do not belong into URLs`);
  try {
    http.guard.checkUrl(url);
  } catch (error) {
    if (error instanceof AddressRefused) throw new UpstreamFailed('address-refused', 'no', error.message, { cause: error });
    throw error;
  }
  return url;
}

function httpOptions(url: URL, options: UpstreamOptions): HttpChannelOptions {
  return {
    url,
    client: options.http,
    logger: options.logger ?? silentLogger,
    headers: options.headers ?? {},
    max_message_bytes: options.max_message_bytes ?? 16 * 2 ** 20,
    send_timeout_ms: options.send_timeout_ms ?? 5_000,
    close_timeout_ms: options.close_timeout_ms ?? 4_000,
  };
}

async function openStdio(transport: Transport & { kind: 'stdio' }, options: UpstreamOptions): Promise<Channel> {
  const child = await startChild({ command: transport.command, args: transport.args, env: transport.env, cwd: options.cwd, inherit: options.inherit, limits: options.limits });
  return new StdioChannel({
    child,
    logger: options.logger ?? silentLogger,
    max_message_bytes: options.max_message_bytes ?? 16 * 2 ** 20,
    max_unread_bytes: options.max_message_bytes ?? 16 * 2 ** 20,
    close_timeout_ms: options.close_timeout_ms ?? 4_000,
  });
}
