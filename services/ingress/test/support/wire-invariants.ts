import { errorCodes, type ErrorRule } from '@customhouse/mcp-wire/errors';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { WireAnswer } from './wire-answer.js';

/** Statuses that `node:http` answers with itself, before there is a request: it gives them no body. */
const unreadable = [400, 408, 417, 431];

/** What is wrong with an answer, whatever was asked; undefined for a good one. `secrets`: what it must not hold. */
export function faultOf(answer: WireAnswer, secrets: readonly string[]): string | undefined {
  const { status, headers, body, text } = answer;
  if (status === undefined) return `there is no status: ${JSON.stringify(text.slice(0, 200))}`;
  if (secrets.some((secret) => text.includes(secret))) return 'a credential comes back';
  if (status >= 500 && (status !== 503 || rulesOf(answer).length !== 1)) return `the status is ${status}: ${body.slice(0, 200)}`;
  // A standing stream, on which nothing has happened yet.
  if (body === '' && headers['content-type'] === 'text/event-stream') return undefined;
  if (body === '')
    return [202, 204].includes(status) || unreadable.includes(status) || headers['content-length'] !== undefined ? undefined : `nothing comes with the status ${status}`;
  // Where messages of the transport of 2024-11-05 are sent.
  if (status === 202 && headers['content-type'] === 'text/plain') return undefined;
  const messages = messagesOf(answer);
  if (messages === undefined) return `neither JSON nor a stream: ${body.slice(0, 200)}`;
  if (status >= 400 && messages.some((message) => message['error'] === undefined)) return `the status ${status} comes without an error`;
  return messages.map((message) => faultOfMessage(message)).find((fault) => fault !== undefined);
}

/** The JSON-RPC messages of an answer; undefined when it holds something else. */
export function messagesOf({ headers, body }: WireAnswer): readonly JsonObject[] | undefined {
  try {
    if (headers['content-type']?.startsWith('text/event-stream') === true) return eventsOf(body);
    if (headers['content-type'] !== 'application/json') return undefined;
    const parsed = JSON.parse(body) as unknown;
    const all = Array.isArray(parsed) ? (parsed as unknown[]) : [parsed];
    return all.every(isJsonObject) ? all : undefined;
  } catch {
    return undefined;
  }
}

/** The rules of the errors in an answer. */
export function rulesOf(answer: WireAnswer): readonly string[] {
  return (messagesOf(answer) ?? []).map(ruleOf).filter((rule) => rule !== undefined);
}

function eventsOf(body: string): JsonObject[] {
  const whole = body.slice(0, body.lastIndexOf('\n\n') + 1);
  // The first event of HTTP+SSE is an address, and one that only has an id has no data.
  return [...whole.matchAll(/^data: (?!\/messages\/)(.+)$/gm)].map((match) => JSON.parse(match[1]!) as JsonObject);
}

function ruleOf({ error }: JsonObject): string | undefined {
  const data = isJsonObject(error) ? error['data'] : undefined;
  return isJsonObject(data) && typeof data['rule'] === 'string' ? data['rule'] : undefined;
}

function faultOfMessage(message: JsonObject): string | undefined {
  const shown = JSON.stringify(message).slice(0, 300);
  if (message['jsonrpc'] !== '2.0') return `no JSON-RPC: ${shown}`;
  const { error } = message;
  if (error === undefined) return 'result' in message || 'method' in message ? undefined : `neither a result nor an error: ${shown}`;
  const rule = ruleOf(message) as ErrorRule | undefined;
  if (!isJsonObject(error) || rule === undefined) return `an error without a rule: ${shown}`;
  if (!Object.hasOwn(errorCodes, rule) || errorCodes[rule] !== error['code']) return `the rule and the code do not belong together: ${shown}`;
  return rule === 'internal-error' ? `a fault of the gateway: ${shown}` : undefined;
}

/** The arguments of the tools/call requests that a body holds, by a reading of our own: what may get to a server. */
export function callsIn(body: Buffer): readonly JsonObject[] {
  try {
    const parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)) as unknown;
    return (Array.isArray(parsed) ? (parsed as unknown[]) : [parsed]).flatMap((message) => {
      if (!isJsonObject(message) || message['jsonrpc'] !== '2.0' || message['method'] !== 'tools/call') return [];
      const { id, params } = message;
      if ((typeof id !== 'string' && !Number.isSafeInteger(id)) || !isJsonObject(params)) return [];
      const args = params['arguments'] ?? {};
      return isJsonObject(args) && typeof params['name'] === 'string' ? [args] : [];
    });
  } catch {
    return [];
  }
}
