import { z } from 'zod';
import { bytes, count, flag, milliseconds, optionalText, port, setting, text, type SettingsOf } from '@customhouse/settings/settings';

/** What every process has, whichever services it hosts. The settings of the log are beside these, in libs/event-log. */
export const hostSettings = {
  instance: setting({
    env: 'CUSTOMHOUSE_INSTANCE',
    schema: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be 1 to 100 of A-Z, a-z, 0-9, ".", "_" and "-", and begin with a letter or digit')
      .optional(),
    description: 'Name of this process, unique among living ones and kept over restarts. `<service>-<hostname>` when absent.',
  }),
  tenant: setting({ env: 'CUSTOMHOUSE_TENANT', schema: text, default: 'default', description: 'Tenant of the bootstrap operator and of the development profile.' }),
  logLevel: setting({
    env: 'CUSTOMHOUSE_LOG_LEVEL',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
    default: 'info',
    description: 'Least severe level that is logged.',
  }),
  apiHost: setting({ env: 'CUSTOMHOUSE_API_HOST', schema: text, default: '127.0.0.1', description: 'Address that the control API listens on.' }),
  apiPort: setting({ env: 'CUSTOMHOUSE_API_PORT', schema: port, default: '8401', description: 'Port of the control API, health and metrics. 0 takes any free port.' }),
  apiBodyLimit_bytes: setting({ env: 'CUSTOMHOUSE_API_BODY_LIMIT_BYTES', schema: bytes, default: '1048576', description: 'Longest request body that the control API accepts.' }),
  apiRequestTimeout_ms: setting({
    env: 'CUSTOMHOUSE_API_REQUEST_TIMEOUT_MS',
    schema: milliseconds,
    default: '30000',
    description: 'A client must have sent its whole request within this time.',
  }),
  metricsPublic: setting({
    env: 'CUSTOMHOUSE_METRICS_PUBLIC',
    schema: flag,
    default: 'false',
    description: 'Serve /metrics without a key. Otherwise it needs the role operator or auditor.',
  }),
  development: setting({
    env: 'CUSTOMHOUSE_DEVELOPMENT',
    schema: flag,
    default: 'false',
    description: 'The development profile: on loopback an agent may call without a key, as person developer@localhost. Refused on any other address.',
  }),
  bootstrapKey: setting({
    env: 'CUSTOMHOUSE_BOOTSTRAP_KEY',
    schema: z.string().min(32, 'must have at least 32 characters').optional(),
    secret: true,
    description: 'A key that is accepted as person bootstrap-operator with the roles operator, approver and auditor, to issue the first keys with. Remove it afterwards.',
  }),
  databaseUrl: setting({
    env: 'CUSTOMHOUSE_DATABASE_URL',
    schema: optionalText,
    secret: true,
    description: '`postgres://user:password@host:5432/database`. Required by every service but the ingress.',
  }),
  databasePoolSize: setting({
    env: 'CUSTOMHOUSE_DATABASE_POOL_SIZE',
    schema: count.min(2, 'must be at least 2'),
    default: '6',
    description: 'Connections of one service to PostgreSQL, at most.',
  }),
  databaseStatementTimeout_ms: setting({
    env: 'CUSTOMHOUSE_DATABASE_STATEMENT_TIMEOUT_MS',
    schema: milliseconds,
    default: '30000',
    description: 'PostgreSQL ends a statement after this time.',
  }),
  databaseConnectTimeout_ms: setting({
    env: 'CUSTOMHOUSE_DATABASE_CONNECT_TIMEOUT_MS',
    schema: milliseconds,
    default: '5000',
    description: 'Longest wait for a connection, a free one of the pool included.',
  }),
  sealingKeyFile: setting({
    env: 'CUSTOMHOUSE_SEALING_KEY_FILE',
    schema: text,
    description:
      'File with the key-encryption key, readable by this user only. `customhouse up` creates it; for other deployments make one with (umask 077; openssl rand -base64 32 > FILE).',
  }),
  sealingKeyAge_ms: setting({
    env: 'CUSTOMHOUSE_SEALING_KEY_AGE_MS',
    schema: milliseconds.min(60_000, 'must be at least 60000'),
    default: '2592000000',
    description: "A person's data key seals for this long; then a new one does, and the old one only opens.",
  }),
  sealingCachedKeys: setting({
    env: 'CUSTOMHOUSE_SEALING_CACHED_KEYS_COUNT',
    schema: count.min(1, 'must be at least 1'),
    default: '10000',
    description: 'Unwrapped data keys kept in memory, at most; the least recently used goes first.',
  }),
  createTopics: setting({
    env: 'CUSTOMHOUSE_CREATE_TOPICS',
    schema: flag,
    default: 'true',
    description: 'Create topics that are missing at start. Set it to false where an administrator does that.',
  }),
  consumerLease_ms: setting({
    env: 'CUSTOMHOUSE_CONSUMER_LEASE_MS',
    schema: milliseconds.min(1_000, 'must be at least 1000'),
    default: '10000',
    description: 'After this silence of the process that leads a consumer group another one takes over.',
  }),
  consumerDedupe_ms: setting({
    env: 'CUSTOMHOUSE_CONSUMER_DEDUPE_MS',
    schema: milliseconds.min(60_000, 'must be at least 60000'),
    default: '604800000',
    description: 'How long the ids of processed events are remembered, to drop duplicates. The ledger of the audit remembers them for ever.',
  }),
  consumerBatch: setting({
    env: 'CUSTOMHOUSE_CONSUMER_BATCH',
    schema: count.min(1, 'must be at least 1').max(5_000, 'must be at most 5000'),
    default: '500',
    description: 'Records that a consumer commits in one transaction, at most.',
  }),
  relayPoll_ms: setting({
    env: 'CUSTOMHOUSE_RELAY_POLL_MS',
    schema: milliseconds.min(10, 'must be at least 10'),
    default: '1000',
    description: 'The outbox is looked at this often even when nothing announced itself.',
  }),
  startTimeout_ms: setting({
    env: 'CUSTOMHOUSE_START_TIMEOUT_MS',
    schema: milliseconds,
    default: '30000',
    description: 'How long to wait at start for a log or database that does not answer yet.',
  }),
  shutdownTimeout_ms: setting({
    env: 'CUSTOMHOUSE_SHUTDOWN_TIMEOUT_MS',
    schema: milliseconds,
    default: '10000',
    description: 'Longest orderly shutdown; what is not done then is cut off.',
  }),
};

export type HostSettings = SettingsOf<typeof hostSettings>;
