import type { ErrorRule } from '@customhouse/mcp-wire/errors';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';

/** Why a request is not served: what its sender is told. Thrown by the stages, answered by the one who called them. */
export class Failure extends Error {
  override readonly name = 'Failure';
  constructor(
    readonly rule: ErrorRule,
    message: string,
    readonly data?: JsonObject,
  ) {
    super(message);
  }
}

/** A failure of the HTTP request as a whole, before or beside any JSON-RPC request in it. */
export class HttpFailure extends Failure {
  constructor(
    readonly status: number,
    rule: ErrorRule,
    message: string,
    readonly headers?: Readonly<Record<string, string>>,
    data?: JsonObject,
  ) {
    super(rule, message, data);
  }
}
