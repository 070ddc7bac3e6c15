import { optionalText, setting, type SettingsOf } from '@customhouse/settings/settings';

/** Injection token of the settings of this service. */
export const POLICY_SETTINGS = Symbol('PolicySettings');

export const policySettings = {
  rulesFile: setting({
    env: 'CUSTOMHOUSE_POLICY_RULES_FILE',
    schema: optionalText,
    description:
      'Rule file (YAML or JSON) that a new installation begins with, instead of the starter rules. Once a version is active the file decides nothing: later rules go through the API.',
  }),
};

export type PolicySettings = SettingsOf<typeof policySettings>;
