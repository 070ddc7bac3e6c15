import { count, flag, milliseconds, setting, type SettingsOf } from '@customhouse/settings/settings';

/** Injection token of the settings of this service. */
export const AUDIT_SETTINGS = Symbol('AuditSettings');

export const auditSettings = {
  partition_days: setting({
    env: 'CUSTOMHOUSE_AUDIT_PARTITION_DAYS',
    schema: count.min(1, 'must be at least 1').max(366, 'must be at most 366'),
    default: '7',
    description: 'Days of events and calls in one table. Changing it keeps the tables that there are.',
  }),
  partitionsAhead_count: setting({
    env: 'CUSTOMHOUSE_AUDIT_PARTITIONS_AHEAD_COUNT',
    schema: count.min(1, 'must be at least 1').max(52, 'must be at most 52'),
    default: '4',
    description: 'Tables that are made before their time comes.',
  }),
  partitionCheck_ms: setting({
    env: 'CUSTOMHOUSE_AUDIT_PARTITION_CHECK_MS',
    schema: milliseconds.min(1_000, 'must be at least 1000'),
    default: '3600000',
    description: 'How often missing tables are made.',
  }),
  closer_ms: setting({
    env: 'CUSTOMHOUSE_AUDIT_CLOSER_INTERVAL_MS',
    schema: milliseconds.min(50, 'must be at least 50'),
    default: '2000',
    description: 'How often calls are looked for whose process is gone.',
  }),
  writerSilence_ms: setting({
    env: 'CUSTOMHOUSE_AUDIT_WRITER_SILENCE_MS',
    schema: milliseconds.min(15_000, 'must be at least 15000: three heartbeats'),
    default: '60000',
    description: 'A process that wrote nothing for this long, while the log was taking events, is taken for gone, and its calls are closed as lost.',
  }),
  ocsf: setting({ env: 'CUSTOMHOUSE_AUDIT_OCSF', schema: flag, default: 'true', description: 'Publish OCSF records on customhouse.audit.ocsf.' }),
  exportPage_count: setting({
    env: 'CUSTOMHOUSE_AUDIT_EXPORT_PAGE_COUNT',
    schema: count.min(1, 'must be at least 1').max(5_000, 'must be at most 5000'),
    default: '500',
    description: 'Rows that an export or a tail reads at once.',
  }),
  tailPoll_ms: setting({
    env: 'CUSTOMHOUSE_AUDIT_TAIL_POLL_MS',
    schema: milliseconds.min(50, 'must be at least 50'),
    default: '1000',
    description: 'How often a tail looks for new events when nothing was announced.',
  }),
  tails_count: setting({
    env: 'CUSTOMHOUSE_AUDIT_TAILS_COUNT',
    schema: count.min(1, 'must be at least 1'),
    default: '100',
    description: 'Tails and exports that are served at the same time; more are refused.',
  }),
};

export type AuditSettings = SettingsOf<typeof auditSettings>;
