import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { errorCodes } from '@customhouse/mcp-wire/errors';
import type { JsonRpcError } from '@customhouse/upstream/upstream';
import type { Call } from './call.js';
import { isAskMethod } from './client-capabilities.js';
import type { Dispatched } from './dispatch.js';
import type { Parts } from './parts.js';
import { askClient } from './upstream-asks.js';

/** What a modern server wants to know before it goes on. */
interface InputRequired {
  readonly questions: readonly [name: string, question: JsonObject][];
  readonly state: string | undefined;
}

/** A server that asks for nothing but another attempt gets it after this. */
const pause_ms = 250;

/**
 * Sends a call until its server has all that it wants to know (revision 2026-07-28: a result of the type `input_required`, and the same request again
 * with the answers). Each question is a request of the server to the client, governed as such; how the client hears of it is its own era's matter.
 * Does not reject, except by a fault of ours.
 */
export async function throughRounds(call: Call, parts: Parts, send: () => Promise<Dispatched>): Promise<Dispatched> {
  for (let round = 0; ; round += 1) {
    const answer = await send();
    const required = 'result' in answer ? requiredIn(answer.result) : undefined;
    if (required === undefined) return answer;
    if (round >= parts.settings.roundsPerCall) return problem(`the server "${call.server}" asked for input ${round + 1} times; CUSTOMHOUSE_INGRESS_ROUNDS_PER_CALL is the limit`);
    if (required.questions.length > parts.settings.asksPerCall)
      return problem(`the server "${call.server}" asked for ${required.questions.length} things at once, which is too many`);
    const answers = await answersTo(required, call, parts);
    if ('error' in answers) return answers;
    if (call.cancelled) return { kind: 'lost', reason: 'cancelled', message: 'the call was cancelled while its server waited for input' };
    if (required.questions.length === 0) await new Promise((resolve) => setTimeout(resolve, pause_ms));
    call.input = { ...(required.questions.length > 0 && { inputResponses: answers.answers }), ...(required.state !== undefined && { requestState: required.state }) };
  }
}

function requiredIn({ resultType, inputRequests, requestState }: JsonObject): InputRequired | undefined {
  if (resultType !== 'input_required') return undefined;
  return {
    questions: isJsonObject(inputRequests) ? Object.entries(inputRequests).filter((entry): entry is [string, JsonObject] => isJsonObject(entry[1])) : [],
    state: typeof requestState === 'string' ? requestState : undefined,
  };
}

async function answersTo({ questions }: InputRequired, call: Call, parts: Parts): Promise<{ readonly answers: JsonObject } | { readonly error: JsonRpcError }> {
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

function problem(message: string): { readonly error: JsonRpcError } {
  return { error: { code: errorCodes['internal-error'], message } };
}
