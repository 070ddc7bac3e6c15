import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { loadSettings } from '@customhouse/settings/settings';
import { openLog } from '@customhouse/event-log/open-log';
import { logSettings } from '@customhouse/event-log/settings';
import { containerHost, ownKafka } from '@customhouse/test-engines/own-engine';
import { certificates } from './certificates.js';
import type { Log } from './conformance.js';
import { readWhole } from './history.js';

jest.setTimeout(120_000);

const user = 'customhouse';
const password = 'correct horse';
const host = await containerHost();
const pems = host === undefined ? undefined : certificates(host);
const plainUsers = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${user}="${password}";`;
const scramUsers = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
const kafka =
  pems &&
  (await ownKafka({
    listeners: { SECURE: 'SASL_SSL', MUTUAL: 'SSL', CLEAR: 'SASL_PLAINTEXT' },
    files: [
      { path: '/tmp/server.pem', text: `${pems.server.key}${pems.server.cert}` },
      { path: '/tmp/authority.pem', text: pems.authority },
    ],
    environment: {
      KAFKA_LISTENER_NAME_SECURE_SSL_KEYSTORE_TYPE: 'PEM',
      KAFKA_LISTENER_NAME_SECURE_SSL_KEYSTORE_LOCATION: '/tmp/server.pem',
      KAFKA_LISTENER_NAME_SECURE_SASL_ENABLED_MECHANISMS: 'PLAIN,SCRAM-SHA-256',
      KAFKA_LISTENER_NAME_SECURE_PLAIN_SASL_JAAS_CONFIG: plainUsers,
      KAFKA_LISTENER_NAME_SECURE_SCRAM___SHA___256_SASL_JAAS_CONFIG: scramUsers,
      KAFKA_LISTENER_NAME_MUTUAL_SSL_KEYSTORE_TYPE: 'PEM',
      KAFKA_LISTENER_NAME_MUTUAL_SSL_KEYSTORE_LOCATION: '/tmp/server.pem',
      KAFKA_LISTENER_NAME_MUTUAL_SSL_TRUSTSTORE_TYPE: 'PEM',
      KAFKA_LISTENER_NAME_MUTUAL_SSL_TRUSTSTORE_LOCATION: '/tmp/authority.pem',
      KAFKA_LISTENER_NAME_MUTUAL_SSL_CLIENT_AUTH: 'required',
      KAFKA_LISTENER_NAME_CLEAR_SASL_ENABLED_MECHANISMS: 'SCRAM-SHA-256,SCRAM-SHA-512',
      KAFKA_LISTENER_NAME_CLEAR_SCRAM___SHA___256_SASL_JAAS_CONFIG: scramUsers,
      KAFKA_LISTENER_NAME_CLEAR_SCRAM___SHA___512_SASL_JAAS_CONFIG: scramUsers,
    },
  }));

function suite(): void {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-tls-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const authority = file('ca.pem', pems!.authority);
  const cert = file('client.pem', pems!.client.cert);
  const key = file('client.key', pems!.client.key);
  let number = 0;

  beforeAll(async () => {
    const scram = (mechanism: string): Promise<string> =>
      kafka!.engine.run(
        '/opt/kafka/bin/kafka-configs.sh',
        '--bootstrap-server',
        'localhost:19091',
        '--alter',
        '--add-config',
        `${mechanism}=[password=${password}]`,
        '--entity-type',
        'users',
        '--entity-name',
        user,
      );
    await scram('SCRAM-SHA-256');
    await scram('SCRAM-SHA-512');
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await kafka!.engine.remove();
  });

  function open(client: string, listener: string, environment: Record<string, string>): Promise<Log> {
    return openLog(loadSettings(logSettings, { CUSTOMHOUSE_LOG_URL: `kafka://${kafka!.addresses[listener]!}`, CUSTOMHOUSE_KAFKA_CLIENT: client, ...environment }, () => ''));
  }

  const tls = { CUSTOMHOUSE_KAFKA_TLS: 'true', CUSTOMHOUSE_KAFKA_TLS_CA_PATH: authority };
  const sasl = (mechanism: string, secret = password): Record<string, string> => ({
    CUSTOMHOUSE_KAFKA_SASL_MECHANISM: mechanism,
    CUSTOMHOUSE_KAFKA_SASL_USERNAME: user,
    CUSTOMHOUSE_KAFKA_SASL_PASSWORD: secret,
  });

  describe.each(['platformatic', 'kafkajs'])('%s', (client) => {
    it.each([
      ['SCRAM-SHA-256', 'CLEAR', sasl('scram-sha-256')],
      ['SCRAM-SHA-512', 'CLEAR', sasl('scram-sha-512')],
      ['PLAIN over TLS', 'SECURE', { ...tls, ...sasl('plain') }],
      ['SCRAM-SHA-256 over TLS', 'SECURE', { ...tls, ...sasl('scram-sha-256') }],
      ['TLS with certificates on both sides', 'MUTUAL', { ...tls, CUSTOMHOUSE_KAFKA_TLS_CERT_PATH: cert, CUSTOMHOUSE_KAFKA_TLS_KEY_PATH: key }],
    ])('writes and reads with %s', async (_, listener, environment) => {
      const log = await open(client, listener, environment);
      try {
        const topic = `secure-${(number += 1)}`;
        await log.createTopics([{ name: topic, partitions: 1, cleanup: 'delete', retention_ms: null, max_record_bytes: 1000 }]);
        expect(await log.append([{ topic, key: 'a', value: Buffer.from('1'), headers: {} }], { timeout_ms: 10_000 })).toMatchObject([{ outcome: 'stored' }]);
        expect(await readWhole(log, [topic])).toHaveLength(1);
      } finally {
        await log.close();
      }
    });

    it.each([
      ['a wrong password', 'CLEAR', sasl('scram-sha-512', 'wrong secret'), /authentication/i],
      ['no password', 'CLEAR', {}, /cannot be opened in Kafka/],
      ['an authority that we do not know', 'SECURE', { CUSTOMHOUSE_KAFKA_TLS: 'true', ...sasl('plain') }, /certificate/i],
      ['no client certificate', 'MUTUAL', tls, /cannot be opened in Kafka/],
      ['no TLS', 'SECURE', sasl('scram-sha-256'), /cannot be opened in Kafka/],
    ])('says what is wrong, soon and without a secret: %s', async (_, listener, environment, message) => {
      const started = performance.now();
      const failure = await open(client, listener, environment as Record<string, string>).then(
        () => 'opened',
        (error: Error) => error.message,
      );
      expect(failure).toMatch(message);
      expect(failure).not.toMatch(/secret|horse/);
      expect(performance.now() - started).toBeLessThan(15_000);
    });
  });
}

(kafka ? describe : describe.skip)('a Kafka that asks who is there', kafka ? suite : () => it('needs Kafka and openssl', () => undefined));
