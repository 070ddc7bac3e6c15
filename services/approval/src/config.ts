import { count, milliseconds, setting, type SettingsOf } from '@customhouse/settings/settings';

/** Injection token of the settings of this service. */
export const APPROVAL_SETTINGS = Symbol('ApprovalSettings');

export const approvalSettings = {
  tick_ms: setting({
    env: 'CUSTOMHOUSE_APPROVAL_TICK_MS',
    schema: milliseconds.min(10, 'must be at least 10').max(60_000, 'must be at most 60000'),
    default: '500',
    description: 'How often requests are looked through for what has expired and for calls that nobody was told to end.',
  }),
  silence_ms: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SILENCE_MS',
    schema: milliseconds.min(1_000, 'must be at least 1000'),
    default: '20000',
    description: 'A process that gave no sign of life for this long is taken for dead, and another one is told to run its calls. At least three heartbeats (5000 ms each).',
  }),
  stateRetention_s: setting({
    env: 'CUSTOMHOUSE_APPROVAL_STATE_RETENTION_S',
    schema: count,
    default: '86400',
    description: 'How long after the end of a call its request stays in customhouse.state.approvals, so that an identical call gets the stored outcome.',
  }),
  shownValue_chars: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SHOWN_VALUE_CHARS',
    schema: count.min(100, 'must be at least 100'),
    default: '4000',
    description: 'A longer value is shown to approvers as its length and digest.',
  }),
  shownValues_count: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SHOWN_VALUES_COUNT',
    schema: count.min(1, 'must be at least 1'),
    default: '500',
    description: 'With more values than this, the rest of the arguments is shown to approvers as a digest.',
  }),
};

export type ApprovalSettings = SettingsOf<typeof approvalSettings>;
