import { readdirSync, readFileSync } from 'node:fs';
import type { ErrorRule } from '@customhouse/mcp-wire/errors';

type BodyPart = string | { readonly base64: string } | { readonly repeat: string; readonly times: number };

export interface WireRequest {
  /** POST, where it says nothing. */
  readonly method?: string;
  /** `/mcp`, where it says nothing. */
  readonly path?: string;
  /** Beside those of who sends it. Several values are as many lines; null leaves a header out. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly body?: string | readonly BodyPart[];
}

/** One request as it is on the wire, and what has to come back. */
export interface WireCase {
  readonly name: string;
  /** The headers that it has anyway: of a client in a session, of one of 2026-07-28, or of nobody. */
  readonly as: 'legacy' | 'modern' | 'nobody';
  readonly request: WireRequest;
  readonly expect: {
    /** One, or any of these. */
    readonly status: number | readonly number[];
    /** The rule of the error in the answer; none where the answer is no error. */
    readonly rule?: ErrorRule;
    /** Calls that get to the server; none where it says nothing. */
    readonly reaches?: number;
  };
}

/** What `{session}`, `{key}` and the like in headers stand for, because it differs from run to run. */
export type Placeholders = Readonly<Record<string, string>>;

const folder = new URL('../wire-corpus/', import.meta.url);

/** The kept cases, by family. */
export function corpus(): readonly { readonly family: string; readonly cases: readonly WireCase[] }[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({ family: name.replace('.json', ''), cases: JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as WireCase[] }));
}

const of: Readonly<Record<WireCase['as'], Readonly<Record<string, string>>>> = {
  nobody: {},
  legacy: { authorization: 'Bearer {key}', 'mcp-session-id': '{session}' },
  modern: { authorization: 'Bearer {key}', 'mcp-protocol-version': '2026-07-28' },
};

/** All headers of a request, by name in lower case: a list of values for each. */
export function headersOf({ as, request }: Pick<WireCase, 'as' | 'request'>): Record<string, readonly string[]> {
  const body = bodyOf(request);
  const usual: Record<string, string> = { host: 'localhost', connection: 'close', accept: 'application/json, text/event-stream', ...of[as] };
  if (body.length > 0 || (request.method ?? 'POST') === 'POST') Object.assign(usual, { 'content-type': 'application/json', 'content-length': String(body.length) });
  const all = Object.entries({ ...usual, ...request.headers });
  return Object.fromEntries(all.filter(([, value]) => value !== null).map(([name, value]) => [name, typeof value === 'string' ? [value] : (value as readonly string[])]));
}

export function bodyOf({ body = '' }: WireRequest): Buffer {
  const parts = typeof body === 'string' ? [body] : body;
  return Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : 'base64' in part ? Buffer.from(part.base64, 'base64') : Buffer.from(part.repeat.repeat(part.times)))),
  );
}

/** A text where the bytes are one. */
export function asBody(bytes: Buffer): NonNullable<WireRequest['body']> {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : [{ base64: bytes.toString('base64') }];
}

/** The bytes of a request. Headers are latin1, as HTTP has them. */
export function bytesOf(from: Pick<WireCase, 'as' | 'request'>, placeholders: Placeholders): Buffer {
  const { method = 'POST', path = '/mcp' } = from.request;
  const lines = Object.entries(headersOf(from)).flatMap(([name, values]) => values.map((value) => `${name}: ${filled(value, placeholders)}\r\n`));
  return Buffer.concat([Buffer.from(`${method} ${filled(path, placeholders)} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), bodyOf(from.request)]);
}

export function filled(text: string, placeholders: Placeholders): string {
  return text.replaceAll(/\{([a-z-]+)\}/g, (whole, name: string) => placeholders[name] ?? whole);
}
