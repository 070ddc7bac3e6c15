/** Names as `node:http` gives them: lower case. */
export const sessionHeader = 'mcp-session-id';
export const protocolHeader = 'mcp-protocol-version';

/** What a client can take. `streamFirst`: it takes both, and names the stream before the single answer. */
export interface Accepts {
  readonly json: boolean;
  readonly stream: boolean;
  readonly streamFirst?: boolean;
}

/** What a client can take, by its Accept header. No header at all accepts everything, as HTTP says. */
export function acceptedBy(accept: string | undefined): Accepts {
  if (accept === undefined || accept === usualAccept) return both;
  let json = false;
  let stream = false;
  let streamFirst = false;
  for (const item of accept.split(',')) {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    if (parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))) continue;
    json ||= range === 'application/json' || range === 'application/*' || range === '*/*';
    stream ||= range === 'text/event-stream' || range === 'text/*' || range === '*/*';
    streamFirst ||= stream && !json && !parameters.some((parameter) => parameter.startsWith('q='));
  }
  return { json, stream, streamFirst: streamFirst && json };
}

const usualAccept = 'application/json, text/event-stream';
const both: Accepts = { json: true, stream: true, streamFirst: false };

/** `application/json`, with or without `charset=utf-8`: nothing else is a message. */
export function isJsonContent(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  if (contentType === undefined) return false;
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase());
  return type === 'application/json' && parameters.every((parameter) => !parameter.startsWith('charset=') || parameter === 'charset=utf-8' || parameter === 'charset="utf-8"');
}

/** The host of a Host header, without its port and in lower case; undefined for one that cannot be read. `[::1]:80` gives `[::1]`. */
export function hostName(host: string | undefined): string | undefined {
  return host === undefined ? undefined : /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1];
}

/** The host of an Origin header (`http://localhost:3000`), undefined for `null` and everything that is not an http(s) origin. */
export function originHost(origin: string): string | undefined {
  const match = /^https?:\/\/(.+)$/.exec(origin.toLowerCase());
  return match ? hostName(match[1]) : undefined;
}

export function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** The token of `Authorization: Bearer …`; undefined for another scheme or a malformed one. */
export function bearerToken(authorization: string): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(authorization)?.[1];
}

/** A W3C traceparent of a known form, else undefined: it is recorded and passed on, so it is nobody's free text. */
export function traceParent(value: unknown): string | undefined {
  return typeof value === 'string' && /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(value) ? value : undefined;
}
