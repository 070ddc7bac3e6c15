import { Client, ProtocolError, SdkError, SdkErrorCode, SdkHttpError, StreamableHTTPClientTransport, UnauthorizedError, type Tool } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { CliProblem } from './problem.js';
import type { JsonObject } from './values.js';

/** An agent's connection to the gateway, with the SDK's own client. */
export interface Agent {
  listTools(): Promise<Tool[]>;
  /** The result as it came, whatever is in it. Throws CliProblem. */
  callTool(params: { readonly name: string; readonly arguments: JsonObject; readonly _meta?: JsonObject }, options: CallOptions): Promise<ToolResult>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly timeout_ms: number;
  readonly onProgress?: (message: string) => void;
}

/** Loose, because the SDK's own schema drops what it does not know and refuses content of a kind that it does not know. */
export const ToolResult = z.looseObject({
  content: z.array(z.looseObject({ type: z.string() })).default([]),
  isError: z.boolean().optional(),
  _meta: z.looseObject({}).optional(),
});
export type ToolResult = z.infer<typeof ToolResult>;

/** The version of this command line, as servers see it. */
const identity = { name: 'customhouse-cli', version: '0.1.0' };

export async function connectAgent(options: { readonly url: string; readonly key: string | undefined; readonly timeout_ms: number; readonly signal: AbortSignal }): Promise<Agent> {
  const { url, key, timeout_ms, signal } = options;
  const client = new Client(identity);
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: key ? { headers: { authorization: `Bearer ${key}` } } : {}, redirectPolicy: 'same-origin' });
  try {
    await client.connect(transport, { timeout: timeout_ms, signal });
  } catch (error) {
    throw problemOf(error, url, signal);
  }
  return {
    async listTools() {
      try {
        return (await client.listTools(undefined, { timeout: timeout_ms, signal })).tools;
      } catch (error) {
        throw problemOf(error, url, signal);
      }
    },
    async callTool(params, call) {
      try {
        return await client.request({ method: 'tools/call', params: { ...params } }, ToolResult, {
          timeout: call.timeout_ms,
          resetTimeoutOnProgress: true,
          signal,
          ...(call.onProgress && { onprogress: ({ message }) => message !== undefined && call.onProgress!(message) }),
        });
      } catch (error) {
        throw problemOf(error, url, signal);
      }
    },
    close: () => client.close(),
  };
}

function problemOf(error: unknown, url: string, signal: AbortSignal): CliProblem {
  if (signal.aborted) return new CliProblem('interrupted', 'interrupted');
  if (error instanceof UnauthorizedError || (error instanceof SdkHttpError && (error.status === 401 || error.status === 403))) return notPermitted(error, url);
  if (error instanceof ProtocolError) return refusedRequest(error);
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) {
    return new CliProblem('unreachable', `${url} did not answer in time`, { hint: '--timeout waits longer. The audit knows what became of the call: "customhouse audit search".' });
  }
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  const why = cause?.code === 'ECONNREFUSED' ? 'nothing listens there' : cause?.message || message;
  return new CliProblem('unreachable', `${url} cannot be reached: ${why}`, { hint: 'Is the gateway running? "customhouse doctor" checks.', cause: error });
}

function notPermitted(error: unknown, url: string): CliProblem {
  return new CliProblem('forbidden', `${url} does not let this caller in: ${serverMessage(error) ?? 'it wants a key'}`, {
    hint: 'Give the key of an agent: --key-file PATH or CUSTOMHOUSE_KEY. "customhouse keys create --role agent …" issues one.',
    cause: error,
  });
}

/** What the gateway said in the body of an HTTP error. */
function serverMessage(error: unknown): string | undefined {
  const text = error instanceof SdkHttpError ? error.message : undefined;
  const json = text?.slice(text.indexOf('{'));
  try {
    return (JSON.parse(json ?? '') as { error?: { message?: string } }).error?.message;
  } catch {
    return undefined;
  }
}

function refusedRequest(error: ProtocolError): CliProblem {
  const rule = (error.data as { rule?: unknown } | undefined)?.rule;
  const unavailable = typeof rule === 'string' && /^(?:log-unavailable|upstream-unavailable|state-stale|not-ready|too-many-calls)$/.test(rule);
  const exit = unavailable ? 'unreachable' : rule === 'unauthenticated' || rule === 'forbidden' ? 'forbidden' : 'failed';
  return new CliProblem(exit, error.message.replace(/^MCP error -?\d+: /, ''), { code: typeof rule === 'string' ? rule : `json-rpc${error.code}`, cause: error });
}
