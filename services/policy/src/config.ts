import { count, milliseconds, optionalText, setting, type SettingsOf } from '@customhouse/settings/settings';
import { z } from 'zod';

/** Injection token of the settings of this service. */
export const POLICY_SETTINGS = Symbol('PolicySettings');

export const policySettings = {
  rulesFile: setting({
    env: 'CUSTOMHOUSE_POLICY_RULES_FILE',
    schema: optionalText,
    description:
      'Rule file (YAML or JSON) that a new installation begins with, instead of the starter rules. Once a version is active the file decides nothing: later rules go through the API.',
  }),
  signingKeyFile: setting({
    env: 'CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE',
    schema: optionalText,
    description:
      'File with the Ed25519 key that signs every version when it is stored, readable by this user only. `customhouse up` creates it; for other deployments make one with (umask 077; openssl rand -base64 32 > FILE). Without it versions are not signed.',
  }),
  trustedKeysFile: setting({
    env: 'CUSTOMHOUSE_POLICY_TRUSTED_KEYS_FILE',
    schema: optionalText,
    description:
      'File with public keys in PEM, one after the other, whose bundles may be imported and whose versions may be activated, beside the own key: of other installations, and own ones of the past.',
  }),
  activateFrom: setting({
    env: 'CUSTOMHOUSE_POLICY_ACTIVATE_FROM',
    schema: z.enum(['tested', 'simulated', 'shadow'], 'must be tested, simulated or shadow'),
    default: 'tested',
    description: 'Stage that a version must have reached to be activated. Going back to the version before is possible from every stage.',
  }),
  regoTimeout_ms: setting({
    env: 'CUSTOMHOUSE_POLICY_REGO_TIMEOUT_MS',
    schema: milliseconds.min(1_000, 'must be at least 1000'),
    default: '30000',
    description: 'Longest time for compiling or testing the Rego of one version. After it the version is refused.',
  }),
  regoEvaluation_ms: setting({
    env: 'CUSTOMHOUSE_POLICY_REGO_EVALUATION_MS',
    schema: milliseconds.min(1, 'must be at least 1'),
    default: '100',
    description:
      'Time for the Rego of a version to decide one call in tests, simulations, the shadow and explanations, as CUSTOMHOUSE_INGRESS_REGO_TIMEOUT_MS is for calls. After it the decision is a refusal by the rule policy-timeout.',
  }),
  history_days: setting({
    env: 'CUSTOMHOUSE_POLICY_HISTORY_DAYS',
    schema: count.min(1, 'must be at least 1').max(3_650, 'must be at most 3650'),
    default: '90',
    description: 'For how many days decisions are kept at hand, for simulations and explanations. The log and the ledger keep all of them, as long as they are told to.',
  }),
  simulationCalls_count: setting({
    env: 'CUSTOMHOUSE_POLICY_SIMULATION_CALLS_COUNT',
    schema: count.min(1, 'must be at least 1').max(10_000_000, 'must be at most 10000000'),
    default: '1000000',
    description: 'Recorded calls that one simulation decides again at most: the newest.',
  }),
  simulationsKept_count: setting({
    env: 'CUSTOMHOUSE_POLICY_SIMULATIONS_KEPT_COUNT',
    schema: count.min(1, 'must be at least 1').max(1_000, 'must be at most 1000'),
    default: '50',
    description: 'Simulations whose reports are kept: the newest.',
  }),
  reportNames_count: setting({
    env: 'CUSTOMHOUSE_POLICY_REPORT_NAMES_COUNT',
    schema: count.min(1, 'must be at least 1').max(1_000, 'must be at most 1000'),
    default: '20',
    description: 'Agents, people, tools and rules that a report on a trial names, for each kind of change. Calls of others are counted together.',
  }),
  reportExamples_count: setting({
    env: 'CUSTOMHOUSE_POLICY_REPORT_EXAMPLES_COUNT',
    schema: count.max(100, 'must be at most 100'),
    default: '10',
    description: 'Calls that a report on a trial shows as examples, for each kind of change.',
  }),
};

export type PolicySettings = SettingsOf<typeof policySettings>;
