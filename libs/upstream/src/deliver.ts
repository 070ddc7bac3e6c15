import { classify, isJsonObject, isRequestId, type JsonObject, type RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { Exchange } from './exchange.js';
import type { UpstreamLogger } from './logger.js';

/** A channel that carries the messages of all requests on one stream. */
export interface Recipient {
  readonly waiting: ReadonlyMap<RequestId, Exchange>;
  /** Takes requests and notifications of the server. */
  readonly receive: (message: JsonObject) => void;
  readonly logger: UpstreamLogger;
}

/** Gives what came on the stream, a message or a batch of them, to whom it is for. `bytes`: how long it was. */
export function deliver(received: unknown, bytes: number, recipient: Recipient): void {
  for (const message of Array.isArray(received) ? received : [received]) deliverOne(message, bytes, recipient);
}

function deliverOne(message: unknown, bytes: number, { waiting, receive, logger }: Recipient): void {
  if (!isJsonObject(message)) return logger.warn({}, 'an upstream sent what is no message; it is left out');
  const id = message['id'];
  if (!('method' in message) && isRequestId(id)) {
    const exchange = waiting.get(id);
    if (!exchange) return logger.debug({}, 'an upstream answered a request that is not in flight; it is left out');
    if (bytes > exchange.options.max_bytes) return exchange.fail('too-large', `the answer is larger than ${exchange.options.max_bytes} bytes`);
    return exchange.answer(message);
  }
  const kind = classify(message);
  if (kind === 'request' || kind === 'notification') receive(message);
  else logger.warn({}, 'an upstream sent a message that is not JSON-RPC; it is left out');
}
