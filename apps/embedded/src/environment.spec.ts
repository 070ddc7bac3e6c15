import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { settingsOf } from './environment.js';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'customhouse-environment-'));
});
afterEach(() => rmSync(data, { recursive: true }));

const addresses = { host: '127.0.0.1', port: 8400, apiPort: 8401 };
const local = 'postgres://customhouse:secret@127.0.0.1:5555/customhouse';

describe('the settings of the embedded mode', () => {
  it('need nothing from the environment', () => {
    const settings = settingsOf(data, {}, addresses, local);
    expect(settings).toEqual({
      CUSTOMHOUSE_INSTANCE: expect.stringMatching(/^embedded-[a-z0-9]{8}$/),
      CUSTOMHOUSE_DEVELOPMENT: 'true',
      CUSTOMHOUSE_POLICY_RULES_FILE: expect.stringMatching(/policies[/\\]development\.yaml$/),
      CUSTOMHOUSE_SPOOL_PATH: join(data, 'spool'),
      CUSTOMHOUSE_REGISTRY_STDIO: 'true',
      CUSTOMHOUSE_SEALING_KEY_FILE: join(data, 'sealing-key'),
      CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE: join(data, 'policy-signing-key'),
      CUSTOMHOUSE_BOOTSTRAP_KEY_FILE: join(data, 'operator-key'),
      CUSTOMHOUSE_DATABASE_URL: local,
      CUSTOMHOUSE_LOG_URL: local,
      CUSTOMHOUSE_INGRESS_HOST: '127.0.0.1',
      CUSTOMHOUSE_INGRESS_PORT: '8400',
      CUSTOMHOUSE_API_HOST: '127.0.0.1',
      CUSTOMHOUSE_API_PORT: '8401',
    });
  });

  it('keep their name and their key over restarts, and the key from others', () => {
    const first = settingsOf(data, {}, addresses, local);
    const key = readFileSync(join(data, 'operator-key'), 'utf8');
    expect(key).toMatch(/^chk_operator_[A-Za-z0-9_-]{43}\n$/);
    expect(statSync(join(data, 'operator-key')).mode & 0o777).toBe(0o600);
    expect(settingsOf(data, {}, addresses, local)).toEqual(first);
    expect(readFileSync(join(data, 'operator-key'), 'utf8')).toBe(key);
  });

  it('keep a key that signs the policy, as the policy service reads one, unless another one is named', () => {
    settingsOf(data, { CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE: '/run/key' }, addresses, local);
    expect(existsSync(join(data, 'policy-signing-key'))).toBe(false);
    settingsOf(data, {}, addresses, local);
    const key = readFileSync(join(data, 'policy-signing-key'), 'utf8');
    expect(Buffer.from(key, 'base64url')).toHaveLength(32);
    expect(statSync(join(data, 'policy-signing-key')).mode & 0o777).toBe(0o600);
    settingsOf(data, {}, addresses, local);
    expect(readFileSync(join(data, 'policy-signing-key'), 'utf8')).toBe(key);
  });

  it('put the log on Kafka when the environment says so', () => {
    const settings = settingsOf(data, { CUSTOMHOUSE_LOG_URL: 'kafka://broker:9092' }, addresses, local);
    expect(settings.CUSTOMHOUSE_LOG_URL).toBe('kafka://broker:9092');
    expect(settings.CUSTOMHOUSE_DATABASE_URL).toBe(local);
  });

  it('put the log into the database that the environment names', () => {
    const own = 'postgres://me:secret@db/customhouse';
    expect(settingsOf(data, { CUSTOMHOUSE_DATABASE_URL: own }, addresses, undefined)).toMatchObject({ CUSTOMHOUSE_DATABASE_URL: own, CUSTOMHOUSE_LOG_URL: own });
    expect(settingsOf(data, { CUSTOMHOUSE_DATABASE_URL_FILE: '/run/url' }, addresses, undefined)).toMatchObject({ CUSTOMHOUSE_LOG_URL_FILE: '/run/url' });
  });

  it('make no operator key when one was given', () => {
    const settings = settingsOf(data, { CUSTOMHOUSE_BOOTSTRAP_KEY_FILE: '/run/key' }, addresses, local);
    expect(settings.CUSTOMHOUSE_BOOTSTRAP_KEY_FILE).toBe('/run/key');
    expect(existsSync(join(data, 'operator-key'))).toBe(false);
  });

  it('have no development profile where others can reach the machine', () => {
    const settings = settingsOf(data, {}, { ...addresses, host: '0.0.0.0' }, local);
    expect(settings.CUSTOMHOUSE_DEVELOPMENT).toBe('false');
    expect(settings.CUSTOMHOUSE_REGISTRY_STDIO).toBe('false');
    expect(settings.CUSTOMHOUSE_POLICY_RULES_FILE).toBeUndefined();
  });

  it('take an empty variable for one that is not set', () => {
    expect(settingsOf(data, { CUSTOMHOUSE_LOG_URL: '' }, addresses, local).CUSTOMHOUSE_LOG_URL).toBe(local);
  });
});
