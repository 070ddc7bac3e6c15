import { readFileSync } from 'node:fs';
import { KafkaLog } from './kafka/kafka-log.js';
import type { KafkaOptions } from './kafka/options.js';
import type { EventLog } from './port.js';
import { PostgresLog } from './postgres/postgres-log.js';
import type { LogSettings } from './settings.js';
import type { TopicAdmin } from './topics.js';

export type OnProblem = (problem: string, error: unknown) => void;

/** Connects to the log that the settings name. Throws a message for people when it cannot be reached or used. */
export async function openLog(settings: LogSettings, onProblem?: OnProblem): Promise<EventLog & TopicAdmin> {
  if (settings.logUrl.startsWith('kafka:')) return KafkaLog.open({ ...kafkaOptions(settings), onProblem });
  return PostgresLog.open({ url: settings.logUrl, poll_ms: settings.logPoll, maintenance_ms: settings.logMaintenance, onProblem });
}

/** Throws when settings contradict each other or a file cannot be read. The password is in no message. */
export function kafkaOptions(settings: LogSettings): KafkaOptions {
  const brokers = settings.logUrl
    .slice('kafka://'.length)
    .split(',')
    .map((broker) => broker.trim());
  for (const broker of brokers) {
    if (!/^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9._-]+):\d{1,5}$/.test(broker))
      throw new Error('CUSTOMHOUSE_LOG_URL must look like kafka://host:9092,host2:9092 (user and password are settings of their own)');
  }
  return {
    brokers,
    client: settings.kafkaClient,
    tls: tlsOptions(settings),
    sasl: saslOptions(settings),
    replication: settings.kafkaReplication === 0 ? undefined : settings.kafkaReplication,
  };
}

function tlsOptions(settings: LogSettings): KafkaOptions['tls'] {
  const { kafkaTlsCa, kafkaTlsCert, kafkaTlsKey, kafkaTlsServername } = settings;
  if (!settings.kafkaTls) {
    const given = Object.entries({ CA_PATH: kafkaTlsCa, CERT_PATH: kafkaTlsCert, KEY_PATH: kafkaTlsKey, SERVERNAME: kafkaTlsServername }).find(([, value]) => value !== undefined);
    if (given !== undefined) throw new Error(`CUSTOMHOUSE_KAFKA_TLS_${given[0]} is set, but CUSTOMHOUSE_KAFKA_TLS is not true`);
    return undefined;
  }
  if ((kafkaTlsCert === undefined) !== (kafkaTlsKey === undefined)) throw new Error('CUSTOMHOUSE_KAFKA_TLS_CERT_PATH and CUSTOMHOUSE_KAFKA_TLS_KEY_PATH belong together');
  return {
    ...(kafkaTlsCa === undefined ? {} : { ca: pem('CUSTOMHOUSE_KAFKA_TLS_CA_PATH', kafkaTlsCa) }),
    ...(kafkaTlsCert === undefined ? {} : { cert: pem('CUSTOMHOUSE_KAFKA_TLS_CERT_PATH', kafkaTlsCert) }),
    ...(kafkaTlsKey === undefined ? {} : { key: pem('CUSTOMHOUSE_KAFKA_TLS_KEY_PATH', kafkaTlsKey) }),
    ...(kafkaTlsServername === undefined ? {} : { servername: kafkaTlsServername }),
  };
}

function saslOptions(settings: LogSettings): KafkaOptions['sasl'] {
  const { kafkaSasl: mechanism, kafkaUsername: username, kafkaPassword: password } = settings;
  if (mechanism === 'none') {
    if (username !== undefined || password !== undefined) throw new Error('a Kafka user or password is set, but CUSTOMHOUSE_KAFKA_SASL_MECHANISM is none');
    return undefined;
  }
  if (username === undefined || password === undefined) throw new Error(`${mechanism} needs CUSTOMHOUSE_KAFKA_SASL_USERNAME and CUSTOMHOUSE_KAFKA_SASL_PASSWORD`);
  if (mechanism === 'plain' && !settings.kafkaTls)
    throw new Error('CUSTOMHOUSE_KAFKA_SASL_MECHANISM plain sends the password as it is: set CUSTOMHOUSE_KAFKA_TLS to true, or use scram-sha-512');
  return { mechanism, username, password };
}

function pem(env: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${env} names ${path}, which cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
