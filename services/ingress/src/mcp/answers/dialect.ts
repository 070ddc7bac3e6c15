import { errorCodes } from '@customhouse/mcp-wire/errors';
import { relayedErrorText, resultText, type JsonRpcErrorObject } from '@customhouse/mcp-wire/messages';
import type { JsonObject, RequestId } from '@customhouse/mcp-wire/json-rpc';

/** An answer, before an era of MCP puts it into its words: whoever makes one need not know who gets it. */
export type Reply = { readonly result: JsonObject } | { readonly error: JsonRpcErrorObject };

/** An answer as it goes to the client. */
export interface Wording {
  readonly text: string;
  /** Of HTTP; counts where the answer is not part of a stream. */
  readonly status: number;
}

/** How an era words its answers. */
export interface Dialect {
  word(id: RequestId, reply: Reply): Wording;
}

/** Codes that only the modern era knows, and what comes nearest: what the client lacks makes its request one that cannot be served; the others are about the hop behind. */
const legacyCodes: Readonly<Record<number, number>> = {
  [errorCodes['missing-client-capability']]: errorCodes['invalid-request'],
  [errorCodes['header-mismatch']]: errorCodes['internal-error'],
  [errorCodes['unsupported-version']]: errorCodes['internal-error'],
};

/** Revisions 2024-11-05 to 2025-11-25: every answer to a request is a good one as far as HTTP is concerned. */
export const legacyDialect: Dialect = {
  word: (id, reply) => ({ text: 'result' in reply ? resultText(id, JSON.stringify(reply.result)) : relayedErrorText(id, translated(reply.error)), status: 200 }),
};

function translated(error: JsonRpcErrorObject): JsonRpcErrorObject {
  const code = legacyCodes[error.code];
  return code === undefined ? error : { ...error, code };
}
