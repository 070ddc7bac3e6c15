/**
 * Every error that the gateway answers with, in one table. The rule is the word that tests, events, metrics and docs use; the
 * code is what JSON-RPC carries. Codes of our own lie outside -32768 to -32000, which JSON-RPC reserves.
 */
export const errorCodes = {
  'parse-error': -32700,
  'invalid-request': -32600,
  'method-not-found': -32601,
  'invalid-params': -32602,
  'internal-error': -32603,
  /** Of the revision 2026-07-28: a header says something else than the body. */
  'header-mismatch': -32020,
  'missing-client-capability': -32021,
  'unsupported-version': -32022,

  /** The record could not be made durable in time, so the call was not sent, or its result is not shown. */
  'log-unavailable': -31001,
  /** The server behind the tool could not be reached, and nothing was sent to it. */
  'upstream-unavailable': -31002,
  /** The call was sent and nobody knows whether it took effect. */
  'outcome-unknown': -31003,
  /** Too many calls at once: of the whole process, of the caller, or waiting for the server. */
  'too-many-calls': -31004,
  /** The followed policy, catalogue or directory is older than permitted. */
  'state-stale': -31005,
  /** The process is starting, or stopping. */
  'not-ready': -31006,
  unauthenticated: -31010,
  forbidden: -31011,
  'origin-refused': -31012,
  'host-refused': -31013,
  'session-unknown': -31014,
  'session-required': -31015,
  'not-acceptable': -31016,
  'unsupported-media-type': -31017,
  'unknown-path': -31018,
  'method-not-allowed': -31019,
  'body-too-large': -31020,
  'json-too-deep': -31021,
  'json-too-many-keys': -31022,
  'batch-not-allowed': -31023,
  /** A body that did not arrive in time, or whose sender went away. */
  'body-incomplete': -31024,
} as const;

export type ErrorRule = keyof typeof errorCodes;
