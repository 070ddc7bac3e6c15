import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '@customhouse/settings/settings';
import { ingressSettings } from './config.js';

const settingsWith = (environment: Record<string, string>) => loadSettings(ingressSettings, environment, () => '');

describe('the settings of the ingress', () => {
  it('name no member of _meta that would be lost on its way to the policy', () => {
    expect(() => settingsWith({ CUSTOMHOUSE_INGRESS_POLICY_META: 'example.com/ticket,__proto__' })).toThrow('must not name __proto__');
    expect(settingsWith({ CUSTOMHOUSE_INGRESS_POLICY_META: 'example.com/ticket,constructor' }).policyMeta).toEqual(['example.com/ticket', 'constructor']);
  });

  it.each(['TIMEOUT_MS', 'THREADS', 'QUEUE', 'WAIT_MS'])('leave the Rego of a version no CUSTOMHOUSE_INGRESS_REGO_%s of 0', (name) => {
    expect(() => settingsWith({ [`CUSTOMHOUSE_INGRESS_REGO_${name}`]: '0' })).toThrow('at least 1');
  });
});
