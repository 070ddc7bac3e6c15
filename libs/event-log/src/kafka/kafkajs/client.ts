import kafkajs, { type Kafka, type KafkaConfig } from 'kafkajs';
import { kafkaDefaults, type KafkaOptions } from '../options.js';
import type { Sockets } from './sockets.js';

/** A client that repeats nothing by itself and says nothing on its own: what it repeats it may duplicate. */
export function newClient(options: KafkaOptions, sockets: Sockets, request_timeout_ms = options.request_timeout_ms ?? kafkaDefaults.request_timeout_ms): Kafka {
  return new kafkajs.Kafka({
    clientId: options.clientId ?? kafkaDefaults.clientId,
    brokers: [...options.brokers],
    connectionTimeout: options.connect_timeout_ms ?? kafkaDefaults.connect_timeout_ms,
    authenticationTimeout: options.connect_timeout_ms ?? kafkaDefaults.connect_timeout_ms,
    requestTimeout: request_timeout_ms,
    enforceRequestTimeout: true,
    retry: { retries: 0, restartOnFailure: () => Promise.resolve(false) },
    logLevel: kafkajs.logLevel.NOTHING,
    socketFactory: sockets.factory,
    ...(options.tls === undefined ? {} : { ssl: options.tls }),
    ...(options.sasl === undefined ? {} : { sasl: sasl(options.sasl) }),
  });
}

function sasl({ mechanism, username, password }: NonNullable<KafkaOptions['sasl']>): NonNullable<KafkaConfig['sasl']> {
  // Three literals, because the library's type has one member for each mechanism.
  if (mechanism === 'plain') return { mechanism: 'plain', username, password };
  if (mechanism === 'scram-sha-256') return { mechanism: 'scram-sha-256', username, password };
  return { mechanism: 'scram-sha-512', username, password };
}
