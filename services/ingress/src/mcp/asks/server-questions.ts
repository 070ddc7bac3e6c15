import { errorCodes } from '@customhouse/mcp-wire/errors';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { JsonRpcError } from '@customhouse/upstream/upstream';
import type { Call } from '../call.js';
import { isAskMethod } from './client-capabilities.js';
import type { Parts } from '../parts.js';
import { askClient } from './upstream-asks.js';

/** Something that a modern server wants to know, by the name that it gives it. */
export type Question = readonly [name: string, question: JsonObject];

export function questionsIn(inputRequests: unknown): Question[] {
  return isJsonObject(inputRequests) ? Object.entries(inputRequests).filter((entry): entry is [string, JsonObject] => isJsonObject(entry[1])) : [];
}

/** Asks the client all of them. Elicitations that cannot be asked are cancelled; other questions have no such answer, so there is an error then. */
export async function answersTo(questions: readonly Question[], call: Call, parts: Parts): Promise<{ readonly answers: JsonObject } | { readonly error: JsonRpcError }> {
  // Nobody waits for the other answers once one of them is that there is none.
  const stop = new AbortController();
  const answers: JsonObject = {};
  let failed: JsonRpcError | undefined;
  await Promise.all(
    questions.map(async ([name, { method, params }]) => {
      const asked = isJsonObject(params) ? params : {};
      const answer = isAskMethod(method)
        ? await askClient(call, { method, params: asked, signal: stop.signal, key: name }, parts)
        : problem(`"${String(method).slice(0, 100)}" is not something that can be asked of a client`);
      if ('result' in answer) answers[name] = answer.result;
      else if (method === 'elicitation/create') answers[name] = { action: 'cancel' };
      else {
        failed ??= answer.error;
        stop.abort();
      }
    }),
  );
  return failed === undefined ? { answers } : { error: failed };
}

export function problem(message: string): { readonly error: JsonRpcError } {
  return { error: { code: errorCodes['internal-error'], message } };
}
