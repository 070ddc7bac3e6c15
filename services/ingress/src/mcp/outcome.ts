import type { Finding } from '@customhouse/events/finding/finding';
import type { ErrorRule } from '@customhouse/mcp-wire/errors';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { JsonRpcError } from '@customhouse/upstream/upstream';

/** How a call that was to be sent ended. Exactly one of these is recorded for it. */
export type Outcome =
  /** The server answered, and this is what is passed on: after inspection. */
  | {
      readonly kind: 'completed';
      readonly result: JsonObject;
      /** RFC 8785 form: what is sealed. */
      readonly text: string;
      readonly findings: readonly Finding[];
      /** The call whose result it is, where the server was not asked again. */
      readonly cached?: string;
    }
  /** The server answered with a JSON-RPC error; or the gateway with `reason`, in the place of what it does not pass on. */
  | { readonly kind: 'error'; readonly reason?: string; readonly error: JsonRpcError; readonly text: string; readonly findings: readonly Finding[] }
  /** Certain that the server did nothing: not one byte of the call was sent. */
  | { readonly kind: 'unsent'; readonly rule: ErrorRule; readonly reason: string; readonly message: string }
  /** Certain that it was not sent, and nobody wants it any more. */
  | { readonly kind: 'aborted'; readonly reason: string }
  /** Sent, and nobody can know. */
  | { readonly kind: 'lost'; readonly reason: string; readonly message: string };
