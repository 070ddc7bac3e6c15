import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadSettings } from '@customhouse/settings/settings';
import { kafkaOptions, openLog } from './open-log.js';
import { logSettings, type LogSettings } from './settings.js';

const folder = mkdtempSync(join(tmpdir(), 'pem-'));
writeFileSync(join(folder, 'ca.pem'), 'CA');
writeFileSync(join(folder, 'cert.pem'), 'CERT');
writeFileSync(join(folder, 'key.pem'), 'KEY');
afterAll(() => rmSync(folder, { recursive: true }));

const load = (environment: Record<string, string>): LogSettings => loadSettings(logSettings, { CUSTOMHOUSE_LOG_URL: 'kafka://one:9092,two:9093', ...environment }, () => '');
const options = (environment: Record<string, string>): ReturnType<typeof kafkaOptions> => kafkaOptions(load(environment));
const pem = (name: string): string => join(folder, `${name}.pem`);

describe('the settings of the log', () => {
  it('name the brokers and choose a client', () => {
    expect(options({})).toMatchObject({ brokers: ['one:9092', 'two:9093'], client: 'platformatic', tls: undefined, sasl: undefined, replication: undefined });
    expect(options({ CUSTOMHOUSE_KAFKA_CLIENT: 'kafkajs', CUSTOMHOUSE_KAFKA_REPLICATION_FACTOR_COUNT: '3' })).toMatchObject({ client: 'kafkajs', replication: 3 });
  });

  it('switch TLS on, with certificates of one’s own', () => {
    expect(options({ CUSTOMHOUSE_KAFKA_TLS: 'true' }).tls).toEqual({});
    expect(
      options({
        CUSTOMHOUSE_KAFKA_TLS: 'true',
        CUSTOMHOUSE_KAFKA_TLS_CA_PATH: pem('ca'),
        CUSTOMHOUSE_KAFKA_TLS_CERT_PATH: pem('cert'),
        CUSTOMHOUSE_KAFKA_TLS_KEY_PATH: pem('key'),
        CUSTOMHOUSE_KAFKA_TLS_SERVERNAME: 'kafka.example',
      }).tls,
    ).toEqual({ ca: 'CA', cert: 'CERT', key: 'KEY', servername: 'kafka.example' });
  });

  it('sign in', () => {
    const user = { CUSTOMHOUSE_KAFKA_SASL_USERNAME: 'customhouse', CUSTOMHOUSE_KAFKA_SASL_PASSWORD: 'secret' };
    expect(options({ CUSTOMHOUSE_KAFKA_SASL_MECHANISM: 'scram-sha-512', ...user }).sasl).toEqual({ mechanism: 'scram-sha-512', username: 'customhouse', password: 'secret' });
    expect(options({ CUSTOMHOUSE_KAFKA_SASL_MECHANISM: 'plain', CUSTOMHOUSE_KAFKA_TLS: 'true', ...user }).sasl).toMatchObject({ mechanism: 'plain' });
  });

  it.each([
    ['an address without a port', { CUSTOMHOUSE_LOG_URL: 'kafka://one' }, /must look like kafka:\/\/host:9092/],
    ['a user in the address', { CUSTOMHOUSE_LOG_URL: 'kafka://user:secret@one:9092' }, /settings of their own/],
    ['a certificate without TLS', { CUSTOMHOUSE_KAFKA_TLS_CA_PATH: pem('ca') }, /CUSTOMHOUSE_KAFKA_TLS_CA_PATH is set, but CUSTOMHOUSE_KAFKA_TLS is not true/],
    ['a certificate without its key', { CUSTOMHOUSE_KAFKA_TLS: 'true', CUSTOMHOUSE_KAFKA_TLS_CERT_PATH: pem('cert') }, /belong together/],
    [
      'a file that is not there',
      { CUSTOMHOUSE_KAFKA_TLS: 'true', CUSTOMHOUSE_KAFKA_TLS_CA_PATH: pem('nothing') },
      /CUSTOMHOUSE_KAFKA_TLS_CA_PATH names .*nothing\.pem, which cannot be read/,
    ],
    [
      'a password in clear text',
      { CUSTOMHOUSE_KAFKA_SASL_MECHANISM: 'plain', CUSTOMHOUSE_KAFKA_SASL_USERNAME: 'u', CUSTOMHOUSE_KAFKA_SASL_PASSWORD: 'secret' },
      /set CUSTOMHOUSE_KAFKA_TLS to true/,
    ],
    ['a mechanism without a user', { CUSTOMHOUSE_KAFKA_SASL_MECHANISM: 'scram-sha-256' }, /needs CUSTOMHOUSE_KAFKA_SASL_USERNAME/],
    ['a user without a mechanism', { CUSTOMHOUSE_KAFKA_SASL_USERNAME: 'u' }, /MECHANISM is none/],
  ])('refuse %s with a sentence that says what to do', (_, environment, message) => {
    expect(() => options(environment as unknown as Record<string, string>)).toThrow(message);
  });

  it('never show a secret', () => {
    for (const environment of [{ CUSTOMHOUSE_LOG_URL: 'http://user:secret@one' }, { CUSTOMHOUSE_LOG_URL: 'kafka://user:secret@one:9092' }]) {
      try {
        options(environment);
        throw new Error('accepted');
      } catch (error) {
        expect(String(error)).not.toMatch(/secret|accepted/);
      }
    }
  });

  it.each([
    ['postgres://user:secret@127.0.0.1:1/customhouse', 'the log cannot be opened in PostgreSQL at 127.0.0.1:1/customhouse: '],
    ['kafka://127.0.0.1:1', 'the log cannot be opened in Kafka at 127.0.0.1:1: '],
  ])('say where nothing answers, without the password: %s', async (url, beginning) => {
    const failure = await openLog(load({ CUSTOMHOUSE_LOG_URL: url })).catch((error: Error) => error.message);
    expect(failure).toContain(beginning);
    expect(failure).toMatch(/ECONNREFUSED|refused/);
    expect(failure).not.toContain('secret');
  });
});
