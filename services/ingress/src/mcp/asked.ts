import { traceParent } from '@customhouse/mcp-wire/headers';
import { isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { Failure } from './failure.js';

/** What the client asked for, once it is known to be a well-formed `tools/call`. */
export interface Asked {
  readonly requestId: RequestId;
  /** The name as the client wrote it. */
  readonly name: string;
  readonly arguments: JsonObject;
  readonly progressToken: RequestId | undefined;
  /** How long the caller wants to wait for a person at most, where it said so (`_meta["customhouse/wait_ms"]`). The gateway's own limits count too. */
  readonly wait_ms?: number | undefined;
  readonly traceparent: string | undefined;
}

/** Names are limited, because they are recorded in clear. */
const maxNameLength = 256;

/** Reads the parameters of a `tools/call`. Throws Failure. */
export function asked(requestId: RequestId, params: JsonObject | undefined): Asked {
  const name = params?.['name'];
  if (typeof name !== 'string' || name === '' || name.length > maxNameLength)
    throw new Failure('invalid-params', `tools/call needs "name", a text of 1 to ${maxNameLength} characters`);
  const args = params!['arguments'] ?? {};
  if (!isJsonObject(args)) throw new Failure('invalid-params', 'the "arguments" of tools/call must be an object');
  const meta = params!['_meta'];
  const token = isJsonObject(meta) ? meta['progressToken'] : undefined;
  return {
    requestId,
    name,
    arguments: args,
    progressToken: isRequestId(token) ? token : undefined,
    wait_ms: isJsonObject(meta) ? waitOf(meta['customhouse/wait_ms']) : undefined,
    traceparent: isJsonObject(meta) ? traceParent(meta['traceparent']) : undefined,
  };
}

function waitOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined;
}
