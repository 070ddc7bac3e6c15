import { bytes, count, flag, milliseconds, optionalText, setting, type SettingsOf } from '@customhouse/settings/settings';
import { z } from 'zod';

/** Settings of the log, for the host to spread into its own. */
export const logSettings = {
  logUrl: setting({
    env: 'CUSTOMHOUSE_LOG_URL',
    schema: z.string().regex(/^(kafka|postgres|postgresql):\/\//, 'must begin with kafka:// or postgres://'),
    description: 'Where the log is: kafka://host:9092,host2:9092 or postgres://user:password@host:5432/database.',
    secret: true,
  }),
  logPoll: setting({
    env: 'CUSTOMHOUSE_LOG_POLL_MS',
    schema: milliseconds,
    default: '1000',
    description: 'PostgreSQL only: how often followers look for new records when no notification came.',
  }),
  logMaintenance: setting({
    env: 'CUSTOMHOUSE_LOG_MAINTENANCE_MS',
    schema: milliseconds,
    default: '60000',
    description: 'PostgreSQL only: how often state topics are compacted and expired records deleted. 0 switches it off.',
  }),
  kafkaClient: setting({
    env: 'CUSTOMHOUSE_KAFKA_CLIENT',
    schema: z.enum(['platformatic', 'kafkajs'], 'must be platformatic or kafkajs'),
    default: 'platformatic',
    description: 'Which Kafka client library is used.',
  }),
  kafkaReplication: setting({
    env: 'CUSTOMHOUSE_KAFKA_REPLICATION_FACTOR_COUNT',
    schema: count,
    default: '0',
    description: 'Copies of each topic that is created. 0: three, or as many as there are brokers. With three or more, min.insync.replicas is 2.',
  }),
  kafkaTls: setting({ env: 'CUSTOMHOUSE_KAFKA_TLS', schema: flag, default: 'false', description: 'Connect to the brokers with TLS.' }),
  kafkaTlsCa: setting({ env: 'CUSTOMHOUSE_KAFKA_TLS_CA_PATH', schema: optionalText, description: 'File with the certificates (PEM) that are trusted instead of the system’s.' }),
  kafkaTlsCert: setting({ env: 'CUSTOMHOUSE_KAFKA_TLS_CERT_PATH', schema: optionalText, description: 'File with the client’s certificate (PEM), for brokers that ask for one.' }),
  kafkaTlsKey: setting({ env: 'CUSTOMHOUSE_KAFKA_TLS_KEY_PATH', schema: optionalText, description: 'File with the client’s private key (PEM).' }),
  kafkaTlsServername: setting({
    env: 'CUSTOMHOUSE_KAFKA_TLS_SERVERNAME',
    schema: optionalText,
    description: 'Name that the brokers’ certificates must carry, when it is not their host name.',
  }),
  kafkaSasl: setting({
    env: 'CUSTOMHOUSE_KAFKA_SASL_MECHANISM',
    schema: z.enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512'], 'must be none, plain, scram-sha-256 or scram-sha-512'),
    default: 'none',
    description: 'How to sign in at the brokers. `plain` sends the password as it is and therefore demands TLS.',
  }),
  kafkaUsername: setting({ env: 'CUSTOMHOUSE_KAFKA_SASL_USERNAME', schema: optionalText, description: 'User name for the brokers.' }),
  kafkaPassword: setting({ env: 'CUSTOMHOUSE_KAFKA_SASL_PASSWORD', schema: optionalText, description: 'Password for the brokers.', secret: true }),
};

/** Settings of the writer of a process. */
export const writerSettings = {
  logTimeout: setting({
    env: 'CUSTOMHOUSE_LOG_APPEND_TIMEOUT_MS',
    schema: milliseconds,
    default: '2000',
    description: 'How long a caller waits until its event is durable; after that the call is refused.',
  }),
  logHeartbeat: setting({ env: 'CUSTOMHOUSE_LOG_HEARTBEAT_MS', schema: milliseconds, default: '5000', description: 'How often each process says in the log that it is alive.' }),
  logQueue: setting({ env: 'CUSTOMHOUSE_LOG_QUEUE_BYTES', schema: bytes, default: '67108864', description: 'Events that wait for the log; above this, more are refused.' }),
  logQueueAge: setting({
    env: 'CUSTOMHOUSE_LOG_QUEUE_AGE_MS',
    schema: milliseconds,
    default: '5000',
    description: 'When the oldest waiting event is older than this, more are refused.',
  }),
  logBatch: setting({
    env: 'CUSTOMHOUSE_LOG_BATCH_BYTES',
    schema: bytes,
    default: '1048576',
    description: 'Largest batch of events in one request, unless one event alone is larger.',
  }),
  logBatchCount: setting({ env: 'CUSTOMHOUSE_LOG_BATCH_COUNT', schema: count, default: '1000', description: 'Most events in one request.' }),
  spoolPath: setting({
    env: 'CUSTOMHOUSE_SPOOL_PATH',
    schema: optionalText,
    description:
      'Folder in which outcomes of calls are kept while the log does not take them. Without it such a call is answered with an error, and its outcome is recorded as lost.',
  }),
  spoolBytes: setting({
    env: 'CUSTOMHOUSE_SPOOL_BYTES',
    schema: bytes,
    default: '67108864',
    description: 'Most bytes in the spool. New calls are refused from three quarters on.',
  }),
};

export type LogSettings = SettingsOf<typeof logSettings>;
export type WriterSettings = SettingsOf<typeof writerSettings>;
