import type { Base, BaseOptions } from '@platformatic/kafka';
import { kafkaDefaults, type KafkaOptions } from '../options.js';

const mechanisms = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const;

/** Settings of every client of this library. It must never repeat anything by itself: what it repeats it may duplicate. */
export function clientOptions(options: KafkaOptions): BaseOptions {
  return {
    clientId: options.clientId ?? kafkaDefaults.clientId,
    bootstrapBrokers: [...options.brokers],
    connectTimeout: options.connect_timeout_ms ?? kafkaDefaults.connect_timeout_ms,
    requestTimeout: options.request_timeout_ms ?? kafkaDefaults.request_timeout_ms,
    retries: 0,
    autocreateTopics: false,
    // A stale leader shows itself by an error, which clears the metadata; asking every few seconds would only cost latency.
    metadataMaxAge: 300_000,
    ...(options.tls === undefined ? {} : { tls: options.tls, tlsServerName: options.tls.servername ?? true }),
    ...(options.sasl === undefined ? {} : { sasl: { ...options.sasl, mechanism: mechanisms[options.sasl.mechanism] } }),
  };
}

/** Ends a client at once, whatever its broker does. Requests in flight fail; late ones are never sent. */
export function cut(client: Pick<Base, 'connections'> & { close(): Promise<unknown> }): void {
  for (const [, connection] of client.connections) connection.socket?.destroy();
  // It has no connections any more, so there is nothing that this could fail at and that would matter.
  client.close().catch(() => undefined);
}
