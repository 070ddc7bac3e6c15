import { isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';

type Listener = (message: JsonObject) => void;

/**
 * Progress tokens of callers never reach a server, which could mix up two callers with the same one: the id of the request goes in
 * their place, and is put back in what the server reports.
 */
export class ProgressTokens {
  readonly #inFlight = new Map<RequestId, { readonly token: RequestId; readonly onMessage: Listener | undefined }>();

  /** The token to send with the request `id`. */
  begin(id: RequestId, token: unknown, onMessage: Listener | undefined): RequestId {
    if (isRequestId(token)) this.#inFlight.set(id, { token, onMessage });
    return id;
  }

  end(id: RequestId): void {
    this.#inFlight.delete(id);
  }

  /** Hands `notifications/progress` to whoever waits for it. False when that request is not in flight. */
  deliver(message: JsonObject, otherwise: Listener | undefined): boolean {
    const params = message['params'];
    const ours = isJsonObject(params) ? params['progressToken'] : undefined;
    const progress = isRequestId(ours) ? this.#inFlight.get(ours) : undefined;
    if (!progress) return false;
    (progress.onMessage ?? otherwise)?.({ ...message, params: { ...(params as JsonObject), progressToken: progress.token } });
    return true;
  }
}
