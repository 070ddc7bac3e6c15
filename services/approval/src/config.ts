import { count, milliseconds, setting, type SettingsOf } from '@customhouse/settings/settings';
import { placeSettings } from './places.js';
import { slackSettings } from './slack-settings.js';
import { webhookSettings } from './webhook-settings.js';

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
  reminders_count: setting({
    env: 'CUSTOMHOUSE_APPROVAL_REMINDERS_COUNT',
    schema: count,
    default: '10',
    description: 'How often people are reminded of a request at most, when a rule has `remind_s`.',
  }),
  review_s: setting({
    env: 'CUSTOMHOUSE_APPROVAL_REVIEW_S',
    schema: count.min(1, 'must be at least 1'),
    default: '259200',
    description: 'Within this time somebody else has to review what one person let run alone. Until then everybody is reminded once, and that person cannot do so again.',
  }),
  delegation_s: setting({
    env: 'CUSTOMHOUSE_APPROVAL_DELEGATION_S',
    schema: count.min(60, 'must be at least 60'),
    default: '2592000',
    description: 'For how long a person can let somebody else decide in their place.',
  }),
  login_s: setting({
    env: 'CUSTOMHOUSE_APPROVAL_LOGIN_S',
    schema: count.min(60, 'must be at least 60'),
    default: '2592000',
    description: 'For how long groups and the right to decide, as the last login of a person said them, count for votes from a chat. After that the person has to log in again.',
  }),
  noticeTimeout_ms: setting({
    env: 'CUSTOMHOUSE_APPROVAL_NOTICE_TIMEOUT_MS',
    schema: milliseconds.min(100, 'must be at least 100').max(120_000, 'must be at most 120000'),
    default: '10000',
    description: 'How long one attempt to tell people about a request may take.',
  }),
  noticeAttempts_count: setting({
    env: 'CUSTOMHOUSE_APPROVAL_NOTICE_ATTEMPTS_COUNT',
    schema: count.min(1, 'must be at least 1'),
    default: '20',
    description: 'After so many attempts a notice is given up. The request stays open and can be decided elsewhere.',
  }),
  noticeBackoff_ms: setting({
    env: 'CUSTOMHOUSE_APPROVAL_NOTICE_BACKOFF_MS',
    schema: milliseconds.min(10, 'must be at least 10'),
    default: '1000',
    description: 'Pause after the first attempt that failed; it doubles with each, up to five minutes.',
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
  ...placeSettings,
  ...slackSettings,
  ...webhookSettings,
};

export type ApprovalSettings = SettingsOf<typeof approvalSettings>;
