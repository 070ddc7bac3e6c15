import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { revisionOf } from '@customhouse/mcp-wire/revisions';
import type { JsonRpcError } from '@customhouse/upstream/upstream';
import type { Call } from '../call.js';
import { lacking } from './client-capabilities.js';
import type { Dispatched } from '../dispatch.js';
import type { Parts } from '../parts.js';
import { answersTo, problem, questionsIn, type Question } from './server-questions.js';
import { followLegacyTask } from '../tasks/server-legacy-tasks.js';
import { legacyTaskIn } from '../tasks/server-task-wish.js';
import { followTask, isTask } from '../tasks/server-tasks.js';

/** What a modern server wants to know before it goes on. */
interface InputRequired {
  readonly questions: readonly Question[];
  readonly state: string | undefined;
  /** Pages that the user has to visit (the error -32042 of 2025-11-25): the answers are not sent, only the call again. */
  readonly pages?: true;
}

/** A server that asks for nothing but another attempt gets it after this. */
const pause_ms = 250;
const pagesRequired = -32042;

/**
 * Sends a call until its server has all that it wants to know (revision 2026-07-28: a result of the type `input_required`, and the same request again
 * with the answers). Each question is a request of the server to the client, governed as such; how the client hears of it is its own era's matter.
 * Does not reject, except by a fault of ours.
 */
export async function throughRounds(call: Call, parts: Parts, send: () => Promise<Dispatched>): Promise<Dispatched> {
  for (let round = 0; ; round += 1) {
    const answer = await send();
    if (isTask(answer)) return followTask(call, parts, answer.result);
    const task = legacyTaskIn(answer, call);
    if (task !== undefined) return followLegacyTask(call, parts, task);
    const required = 'result' in answer ? requiredIn(answer.result) : 'error' in answer ? pagesIn(answer.error, call) : undefined;
    if (required === undefined) return answer;
    if (round >= parts.settings.roundsPerCall) return problem(`the server "${call.server}" asked for input ${round + 1} times; CUSTOMHOUSE_INGRESS_ROUNDS_PER_CALL is the limit`);
    if (required.questions.length > parts.settings.asksPerCall)
      return problem(`the server "${call.server}" asked for ${required.questions.length} things at once, which is too many`);
    const answers = await answersTo(required.questions, call, parts);
    if ('error' in answers) return answers;
    // Whoever does not want to visit the pages gets the server's error.
    if (required.pages && !Object.values(answers.answers).every((said) => isJsonObject(said) && said['action'] === 'accept')) return answer;
    if (call.cancelled) return { kind: 'lost', reason: 'cancelled', message: 'the call was cancelled while its server waited for input' };
    if (required.questions.length === 0) await new Promise((resolve) => setTimeout(resolve, pause_ms));
    call.input = required.pages
      ? undefined
      : { ...(required.questions.length > 0 && { inputResponses: answers.answers }), ...(required.state !== undefined && { requestState: required.state }) };
  }
}

function requiredIn({ resultType, inputRequests, requestState }: JsonObject): InputRequired | undefined {
  if (resultType !== 'input_required') return undefined;
  return {
    questions: questionsIn(inputRequests),
    state: typeof requestState === 'string' ? requestState : undefined,
  };
}

/** A legacy server fails with the pages to visit, which is an error that modern clients do not know. */
function pagesIn({ code, data }: JsonRpcError, call: Call): InputRequired | undefined {
  if (code !== pagesRequired || revisionOf(call.session.protocol)?.era !== 'modern') return undefined;
  const pages = isJsonObject(data) && Array.isArray(data['elicitations']) ? data['elicitations'].filter(isJsonObject) : [];
  const missing = pages.find((params) => lacking(call.client?.capabilities ?? {}, 'elicitation/create', params) !== undefined);
  if (pages.length === 0 || missing !== undefined) return undefined;
  return { questions: pages.map((params, index): Question => [`page-${index + 1}`, { method: 'elicitation/create', params }]), state: undefined, pages: true };
}
