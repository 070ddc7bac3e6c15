import { errorCodes } from '@customhouse/mcp-wire/errors';
import { isJsonObject, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import { relayedErrorText, resultText, type JsonRpcErrorObject } from '@customhouse/mcp-wire/messages';
import { envelope } from '@customhouse/mcp-wire/envelope';
import type { Dialect, Reply, Wording } from '../answers/dialect.js';

/** What a request of the modern era is about, as far as its answer depends on it. */
export interface Subject {
  readonly method: string;
  /** What the client called the target. */
  readonly name: string | undefined;
  /** How the endpoint introduces itself. */
  readonly serverInfo: JsonObject;
}

/** HTTP statuses that the revision asks for. All other errors are a good answer as far as HTTP is concerned. */
const statuses: Readonly<Record<number, number>> = { [errorCodes['method-not-found']]: 404, [errorCodes['missing-client-capability']]: 400 };

/** The error of 2025-11-25 about pages that the user has to visit. The client was asked to, unless it cannot be: server-rounds.ts. */
const pagesRequired = -32042;

/** Answers in the words of the revision 2026-07-28, whatever the era of the server that gave them. */
export class ModernDialect implements Dialect {
  constructor(private readonly subject: Subject) {}

  word(id: RequestId, reply: Reply): Wording {
    if ('result' in reply) return { text: resultText(id, JSON.stringify(this.#result(reply.result))), status: 200 };
    const error = this.#error(reply.error);
    return { text: relayedErrorText(id, error), status: statuses[error.code] ?? 200 };
  }

  /** Each result says what type it is, and by whom; one that may be kept says for whom and for how long. */
  #result(result: JsonObject): JsonObject {
    const { resultType, _meta } = result;
    const meta: JsonObject = isJsonObject(_meta) ? { ..._meta } : {};
    meta[envelope.serverInfo] ??= this.subject.serverInfo;
    const worded: JsonObject = { ...result, resultType: typeof resultType === 'string' ? resultType : 'complete', _meta: meta };
    if (this.subject.method !== 'resources/read' || worded['resultType'] !== 'complete') return worded;
    const ttl = worded['ttlMs'];
    worded['ttlMs'] = typeof ttl === 'number' && Number.isSafeInteger(ttl) && ttl >= 0 ? ttl : 0;
    // Another caller may not be permitted to read the same.
    worded['cacheScope'] = 'private';
    return worded;
  }

  #error(error: JsonRpcErrorObject): JsonRpcErrorObject {
    switch (error.code) {
      case errorCodes['resource-not-found']: {
        const data = isJsonObject(error['data']) ? error['data'] : {};
        return { ...error, code: errorCodes['invalid-params'], data: { ...data, uri: this.subject.name ?? data['uri'] ?? '' } };
      }
      case pagesRequired:
        return { ...error, code: errorCodes['missing-client-capability'], data: { requiredCapabilities: { elicitation: { url: {} } } } };
      case errorCodes['header-mismatch']:
      case errorCodes['unsupported-version']:
        // Of the hop behind: it is the gateway whose request the server did not take.
        return { ...error, code: errorCodes['internal-error'] };
      default:
        return error;
    }
  }
}
