import type { Logger } from 'pino';
import { isJsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { IngressSettings } from './config.js';
import type { Verdict } from '@customhouse/policy-contract/both-allow';

/** Somebody else's decision point, asked beside the policy of the gateway. */
export interface ExternalPolicy {
  /** Names it in records. */
  readonly url: string;
  /** JSON Pointers of arguments that it gets to see, beside those that own rules look at. */
  readonly arguments: readonly string[];
  /** Does not reject: what is no answer refuses. */
  ask(input: PolicyInput): Promise<Verdict>;
}

export interface OpaOptions {
  /** Of the Data API: `http://opa:8181/v1/data/company/customhouse`. */
  readonly url: string;
  /** For `Authorization: Bearer`. */
  readonly token: string | undefined;
  readonly arguments: readonly string[];
  /** From the question to the answer, waiting for a turn included. */
  readonly timeout_ms: number;
  /** Questions at once; others wait. */
  readonly concurrency: number;
  /** Questions that wait; more are refused. */
  readonly queue: number;
  readonly logger: Logger;
}

const longestAnswer = 65_536;
const longestReason = 500;

/** The external decision point that the settings name, if they do. */
export function externalPolicy(settings: IngressSettings, logger: Logger): ExternalPolicy | undefined {
  const { opaUrl: url, opaToken: token, opaArguments, opaTimeout_ms: timeout_ms, opaConcurrency: concurrency, opaQueue: queue } = settings;
  return url === undefined ? undefined : new Opa({ url, token, arguments: opaArguments, timeout_ms, concurrency, queue, logger });
}

/** Open Policy Agent, asked by its Data API. */
export class Opa implements ExternalPolicy {
  readonly #token: string | undefined;
  #asking = 0;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly options: OpaOptions) {
    this.#token = options.token;
  }

  get url(): string {
    return this.options.url;
  }

  get arguments(): readonly string[] {
    return this.options.arguments;
  }

  async ask(input: PolicyInput): Promise<Verdict> {
    const late = AbortSignal.timeout(this.options.timeout_ms);
    try {
      await this.#turn(late);
    } catch (error) {
      return this.#unavailable(error);
    }
    try {
      return verdictIn(await this.#answer(input, late));
    } catch (error) {
      return this.#unavailable(late.aborted ? new Error(`it did not answer within ${this.options.timeout_ms} ms`) : error);
    } finally {
      this.#asking -= 1;
      const [next] = this.#waiting;
      next?.();
    }
  }

  /** Resolves when it may ask. Rejects when there are too many before, or the time is over. */
  async #turn(late: AbortSignal): Promise<void> {
    if (this.#asking >= this.options.concurrency) {
      if (this.#waiting.size >= this.options.queue) throw new Error(`${this.#asking} questions are being answered and ${this.#waiting.size} wait already`);
      await new Promise<void>((resolve, reject) => {
        const go = (): void => {
          this.#waiting.delete(go);
          late.removeEventListener('abort', giveUp);
          resolve();
        };
        const giveUp = (): void => {
          this.#waiting.delete(go);
          reject(new Error(`it had no time for the question within ${this.options.timeout_ms} ms`));
        };
        this.#waiting.add(go);
        late.addEventListener('abort', giveUp, { once: true });
      });
    }
    this.#asking += 1;
  }

  async #answer(input: PolicyInput, signal: AbortSignal): Promise<unknown> {
    const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json' };
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`;
    // A redirect is an error: what was asked must not travel to where it was not meant to go.
    const response = await fetch(this.options.url, { method: 'POST', headers, body: JSON.stringify({ input }), redirect: 'error', signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`it answered with the status ${response.status}`);
    }
    return JSON.parse(await textOf(response)) as unknown;
  }

  #unavailable(error: unknown): Verdict {
    const problem = error instanceof Error ? error.message : String(error);
    this.options.logger.error({ error, url: this.options.url }, 'the external policy gave no answer; the call was refused');
    return { effect: 'refuse', reason: `The external policy gave no answer, so the call is refused: ${problem}. Tell the administrator.`, unavailable: true };
  }
}

/** Throws for an answer that goes on beyond what an answer can be. */
async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > longestAnswer) throw new Error(`its answer has more than ${longestAnswer} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** `{"result": true}`, `{"result": {"allow": true, "reason": "…"}}` or `{"result": {"effect": "hold", "reason": "…"}}`. Throws for everything else. */
function verdictIn(answer: unknown): Verdict {
  const result = isJsonObject(answer) ? answer['result'] : undefined;
  if (typeof result === 'boolean') return { effect: result ? 'allow' : 'refuse', reason: wordsFor(result ? 'allow' : 'refuse', undefined) };
  if (!isJsonObject(result))
    throw new Error(result === undefined ? 'it has no decision on this call (the document is undefined)' : 'its answer is neither true, false nor an object');
  const { effect, allow } = result;
  if (effect !== undefined && allow !== undefined) throw new Error('its answer has both "effect" and "allow"');
  if (typeof allow === 'boolean') return { effect: allow ? 'allow' : 'refuse', reason: wordsFor(allow ? 'allow' : 'refuse', result['reason']) };
  if (effect !== 'allow' && effect !== 'hold' && effect !== 'refuse') throw new Error('its answer has neither "allow", true or false, nor "effect", one of allow, hold and refuse');
  return { effect, reason: wordsFor(effect, result['reason']) };
}

function wordsFor(effect: Verdict['effect'], reason: unknown): string {
  if (typeof reason === 'string' && reason !== '') return reason.slice(0, longestReason).toWellFormed();
  return { allow: 'The external policy allows this call.', hold: 'The external policy wants a person to approve this call.', refuse: 'The external policy refuses this call.' }[
    effect
  ];
}
