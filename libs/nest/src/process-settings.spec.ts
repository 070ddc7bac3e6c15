import { describe, expect, it } from '@jest/globals';
import { count, setting, SettingsError } from '@customhouse/settings/settings';
import { isLoopback, loadProcessSettings } from './process-settings.js';
import type { ServiceDefinition } from './service.js';

const service: ServiceDefinition = {
  name: 'audit',
  settings: { size: setting({ env: 'CUSTOMHOUSE_AUDIT_SIZE_COUNT', schema: count, default: '3', description: 'A size.' }) },
  module: () => ({ module: class {} }),
  migrations: new URL('file:///none/'),
};
const enough = { CUSTOMHOUSE_LOG_URL: 'postgres://h/d', CUSTOMHOUSE_DATABASE_URL: 'postgres://h/d', CUSTOMHOUSE_SEALING_KEY_FILE: '/key' };

function problems(environment: Record<string, string>): readonly string[] {
  try {
    loadProcessSettings([service], environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('the settings of a process', () => {
  it('are those of the host, the log and the services', () => {
    const settings = loadProcessSettings([service], { ...enough, CUSTOMHOUSE_AUDIT_SIZE_COUNT: '9', CUSTOMHOUSE_API_PORT: '0' });
    expect(settings.services.get('audit')).toEqual({ size: 9 });
    expect(settings.host).toMatchObject({ apiHost: '127.0.0.1', apiPort: 0, development: false, shutdownTimeout_ms: 10_000 });
    expect(settings.host.instance).toMatch(/^audit-/);
  });

  it('that are wrong are all named at once', () => {
    const found = problems({ CUSTOMHOUSE_API_PORT: 'eighty', CUSTOMHOUSE_AUDIT_SIZE_COUNT: 'big', CUSTOMHOUSE_INSTANCE: 'has spaces', CUSTOMHOUSE_BOOTSTRAP_KEY: 'short' });
    expect(found.join('\n')).toMatch(/CUSTOMHOUSE_API_PORT/);
    expect(found.join('\n')).toMatch(/CUSTOMHOUSE_AUDIT_SIZE_COUNT/);
    expect(found.join('\n')).toMatch(/CUSTOMHOUSE_LOG_URL is required/);
    expect(found.join('\n')).toMatch(/CUSTOMHOUSE_SEALING_KEY_FILE is required/);
    expect(found.join('\n')).toMatch(/CUSTOMHOUSE_INSTANCE/);
    expect(found.join('\n')).toMatch(/CUSTOMHOUSE_BOOTSTRAP_KEY/);
    expect(found.join('\n')).not.toContain('short');
  });

  it('refuse the development profile anywhere but on loopback', () => {
    expect(problems({ ...enough, CUSTOMHOUSE_DEVELOPMENT: 'true' })).toEqual([]);
    expect(problems({ ...enough, CUSTOMHOUSE_DEVELOPMENT: 'true', CUSTOMHOUSE_API_HOST: '0.0.0.0' }).join()).toContain('the development profile is for loopback only');
  });

  it('demand a database for a service that has one', () => {
    const { CUSTOMHOUSE_DATABASE_URL: _, ...without } = enough;
    expect(problems(without)).toEqual([expect.stringContaining('CUSTOMHOUSE_DATABASE_URL is required by audit')]);
  });
});

describe('an address', () => {
  it.each(['127.0.0.1', '127.255.0.9', 'localhost', '::1', '[::1]'])('%s is loopback', (host) => expect(isLoopback(host)).toBe(true));
  it.each(['0.0.0.0', '::', '192.168.0.1', 'example.com', '127.0.0.1.example.com', '1127.0.0.1', ''])('%s is not', (host) => expect(isLoopback(host)).toBe(false));
});
