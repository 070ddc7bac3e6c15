import type { ClientMethod, GovernedMethod } from '@customhouse/policy-contract/methods';
import { envelope } from '@customhouse/mcp-wire/envelope';
import { traceParent } from '@customhouse/mcp-wire/headers';
import { isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { Failure } from './failure.js';
import { partsOf } from './params.js';

/** What is asked for, once it is known to be well formed. */
export interface Asked {
  readonly requestId: RequestId;
  readonly method: GovernedMethod;
  /** What the method is aimed at, as the client wrote it: the name of a tool or prompt, a URI, a URI template. */
  readonly name: string;
  /** Of `tools/call` its arguments; of the other methods all that is in the params beside what they are aimed at and `_meta`. */
  readonly arguments: JsonObject;
  readonly progressToken: RequestId | undefined;
  /** How long the caller wants to wait for a person at most, where it said so (`_meta["customhouse/wait_ms"]`). The gateway's own limits count too. */
  readonly wait_ms?: number | undefined;
  readonly traceparent: string | undefined;
  /** Other members of `_meta` that go to the server: of the trace, and the wish for log messages. */
  readonly meta?: JsonObject | undefined;
  /** Members that neither MCP nor the gateway knows, of `tools/call` and of `_meta`: they are recorded and sent. */
  readonly extra?: JsonObject | undefined;
}

/** A listed URI has 2,000 bytes at most, and three times that where it is percent-encoded behind the name of its server. */
const longestUri = 6_144;
/** Names and URIs are limited, because they are recorded in clear. */
const longest: Readonly<Record<ClientMethod, number>> = {
  'tools/call': 256,
  'prompts/get': 256,
  'resources/read': longestUri,
  'resources/subscribe': longestUri,
  'resources/unsubscribe': longestUri,
  'completion/complete': longestUri,
};

/** Reads the parameters of a request of a client. `logLevel`: what its session asked for, for servers that are told with each request. Throws Failure. */
export function asked(requestId: RequestId, method: ClientMethod, params: JsonObject | undefined, logLevel?: string): Asked {
  const { name, rest } = partsOf(method, params ?? {});
  if (name.length > longest[method]) throw new Failure('invalid-params', `what ${method} is aimed at has at most ${longest[method]} characters`);
  const meta = params?.['_meta'];
  const token = isJsonObject(meta) ? meta['progressToken'] : undefined;
  return {
    requestId,
    method,
    name,
    arguments: rest,
    progressToken: isRequestId(token) ? token : undefined,
    wait_ms: isJsonObject(meta) ? waitOf(meta['customhouse/wait_ms']) : undefined,
    traceparent: isJsonObject(meta) ? traceParent(meta['traceparent']) : undefined,
    meta: passedOn(meta, logLevel),
    extra: extraOf(method, params, meta),
  };
}

/** Of `tools/call`. Tasks and rounds of input are between the gateway and either side; other methods have everything else in what is sealed as their arguments. */
const knownParams: ReadonlySet<string> = new Set(['name', 'arguments', '_meta', 'task', 'inputResponses', 'requestState']);
const knownMeta: ReadonlySet<string> = new Set(['progressToken', 'traceparent', 'tracestate', 'baggage']);
/** Prefixes of names in `_meta` that mean something on one hop only. */
const ownPrefixes = ['customhouse/', 'io.modelcontextprotocol/'];

function extraOf(method: ClientMethod, params: JsonObject | undefined, meta: unknown): JsonObject | undefined {
  const extra = method === 'tools/call' && params !== undefined ? membersOf(params, (name) => !knownParams.has(name)) : undefined;
  if (!isJsonObject(meta)) return extra;
  const foreign = membersOf(meta, (name) => !knownMeta.has(name) && !ownPrefixes.some((prefix) => name.startsWith(prefix)));
  return foreign === undefined ? extra : { ...extra, _meta: foreign };
}

/** Those members of an object; undefined where there are none. */
function membersOf(object: JsonObject, wanted: (name: string) => boolean): JsonObject | undefined {
  let members: [string, JsonObject[string]][] | undefined;
  for (const name in object) if (wanted(name)) (members ??= []).push([name, object[name]!]);
  // Not by assignment: that of a member `__proto__` would not make a member.
  return members && Object.fromEntries(members);
}

/** Texts that W3C Trace Context and Baggage define have a length that every peer takes. */
const longestMeta = 8_192;

function passedOn(meta: unknown, logLevel: string | undefined): JsonObject | undefined {
  let passed: JsonObject | undefined;
  if (isJsonObject(meta)) {
    for (const name of ['tracestate', 'baggage', envelope.logLevel]) {
      const value = meta[name];
      if (typeof value === 'string' && value.length <= longestMeta) (passed ??= {})[name] = value;
    }
  }
  if (logLevel !== undefined) passed = { [envelope.logLevel]: logLevel, ...passed };
  return passed;
}

function waitOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined;
}
