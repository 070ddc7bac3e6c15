import { count, flag, milliseconds, setting, type SettingsOf } from '@customhouse/settings/settings';

/** Injection token of the settings of this service. */
export const SCANNER_SETTINGS = Symbol('ScannerSettings');

export const scannerSettings = {
  calls: setting({
    env: 'CUSTOMHOUSE_SCANNER_CALLS',
    schema: flag,
    default: 'true',
    description: 'Open the arguments and results of recorded calls and look through them. Without it only tool definitions are looked at.',
  }),
  findings_count: setting({
    env: 'CUSTOMHOUSE_SCANNER_FINDINGS_COUNT',
    schema: count.min(1, 'must be at least 1').max(500, 'must be at most 500'),
    default: '50',
    description: 'Findings about one definition or one part of a call, at most.',
  }),
  forget_ms: setting({
    env: 'CUSTOMHOUSE_SCANNER_FORGET_MS',
    schema: milliseconds.min(60_000, 'must be at least 60000'),
    default: '1209600000',
    description: 'A call whose outcome never came is forgotten after this. Longer than any approval may take.',
  }),
};

export type ScannerSettings = SettingsOf<typeof scannerSettings>;
