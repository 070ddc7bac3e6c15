/**
 * Every error that the gateway answers with, in one table. The rule is the word that tests, events, metrics and docs use; the
 * code is what JSON-RPC carries. Codes of our own lie outside -32768 to -32000, which JSON-RPC reserves.
 */
export const errorCodes = {
  /** The body is not JSON. */
  'parse-error': -32700,
  /** The body is JSON, and no request of JSON-RPC. */
  'invalid-request': -32600,
  /** The method does not exist, or not in this revision. */
  'method-not-found': -32601,
  /** The parameters do not fit the method; an unknown tool is one case. */
  'invalid-params': -32602,
  /** Of the revisions before 2026-07-28: there is no resource of this URI. */
  'resource-not-found': -32002,
  /** A fault of the gateway. Its log has the details. */
  'internal-error': -32603,
  /** Of the revision 2026-07-28: a header says something else than the body. */
  'header-mismatch': -32020,
  /** The server needs something that the client did not declare. */
  'missing-client-capability': -32021,
  /** The revision of MCP is not one that the gateway speaks; `data` lists those. */
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
  /** No credential, or one that is unknown, expired or revoked. */
  unauthenticated: -31010,
  /** The credential is good and does not permit this. */
  forbidden: -31011,
  /** A web page of this origin may not call. See CUSTOMHOUSE_INGRESS_ALLOWED_ORIGINS. */
  'origin-refused': -31012,
  /** The request was addressed to a name that is not the gateway's. See CUSTOMHOUSE_INGRESS_ALLOWED_HOSTS. */
  'host-refused': -31013,
  /** The session has ended or was never opened: initialize again. */
  'session-unknown': -31014,
  /** The request needs the header `Mcp-Session-Id` of an initialized session. */
  'session-required': -31015,
  /** The client must accept both application/json and text/event-stream. */
  'not-acceptable': -31016,
  /** The body must be application/json. */
  'unsupported-media-type': -31017,
  /** There is no endpoint at this path. */
  'unknown-path': -31018,
  /** The endpoint does not take this HTTP method. */
  'method-not-allowed': -31019,
  /** The body is longer than CUSTOMHOUSE_INGRESS_BODY_BYTES. */
  'body-too-large': -31020,
  /** Arrays and objects are nested deeper than CUSTOMHOUSE_INGRESS_JSON_DEPTH. */
  'json-too-deep': -31021,
  /** There are more members and items than CUSTOMHOUSE_INGRESS_JSON_KEYS. */
  'json-too-many-keys': -31022,
  /** The revision has no batches, or the batch is longer than CUSTOMHOUSE_INGRESS_BATCH_MESSAGES. */
  'batch-not-allowed': -31023,
  /** The bytes are no request of HTTP/1.1. */
  'malformed-http': -31027,
  /** The request line and the headers together are longer than CUSTOMHOUSE_INGRESS_HEADER_BYTES. */
  'header-too-large': -31028,
  /** The request did not arrive in time: CUSTOMHOUSE_INGRESS_HEADER_TIMEOUT_MS, CUSTOMHOUSE_INGRESS_BODY_TIMEOUT_MS. */
  'request-incomplete': -31029,
  /** A body that did not arrive in time, or whose sender went away. */
  'body-incomplete': -31024,
  /** The policy refuses the request, or a person did, or it was not approved in time; `data` says which. A refused tools/call has a result instead. */
  refused: -31025,
  /** A person has to approve the request: repeat it to go on waiting. A tools/call that waits has a result instead. */
  'approval-pending': -31026,
} as const;

export type ErrorRule = keyof typeof errorCodes;
