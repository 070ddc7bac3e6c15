import type { ConnectionOptions as TlsOptions } from 'node:tls';

/** How to reach and use the brokers. */
export interface KafkaOptions {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly client: 'platformatic' | 'kafkajs';
  /** Name in the brokers' logs. Default `customhouse`. */
  readonly clientId?: string;
  readonly tls?: TlsOptions;
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string };
  /** Copies of the topics that are created. Default: three, or as many as there are brokers. */
  readonly replication?: number;
  /** Default 3000. */
  readonly connect_timeout_ms?: number;
  /** After this long a broker that does not answer counts as gone, when reading and describing. Default 10,000. */
  readonly request_timeout_ms?: number;
  /** Told about failures that are being retried. They would be silent otherwise. */
  readonly onProblem?: (problem: string, error: unknown) => void;
}

export const kafkaDefaults = { clientId: 'customhouse', connect_timeout_ms: 3000, request_timeout_ms: 10_000 };
