import type { FiredRule } from '@customhouse/policy-contract/decision';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { storableText } from '@customhouse/event-store/storable-text';
import { initial, type AnomalyKind, type CallRecord, type CallStatus } from '../domain/call-record.js';
import { searchWords } from '../domain/words.js';

/** A row of the table `calls`, as the driver reads it. */
export interface CallRow {
  readonly call: string;
  readonly status: CallStatus;
  readonly tenant: string | null;
  readonly intent_event: string | null;
  readonly intent_time: string | null;
  readonly session: string | null;
  readonly agent: string | null;
  readonly person: string | null;
  readonly client_name: string | null;
  readonly client_version: string | null;
  readonly address: string | null;
  readonly method: string | null;
  readonly during: string | null;
  readonly server: string | null;
  readonly tool: string | null;
  readonly exposed: string | null;
  readonly definition: string | null;
  readonly effect: 'allow' | 'refuse' | 'hold' | null;
  /** JSON. */
  readonly rules: string;
  readonly rule_ids: readonly string[];
  readonly policy_number: number | null;
  readonly policy_digest: string | null;
  readonly arguments_bytes: number | null;
  readonly arguments_digest: string | null;
  readonly dispatch_event: string | null;
  readonly responsible_instance: string | null;
  readonly responsible_epoch: string | null;
  readonly end_event: string | null;
  readonly end_time: string | null;
  readonly error: boolean | null;
  readonly reason: string | null;
  readonly upstream_ms: number | null;
  readonly result_bytes: number | null;
  readonly result_digest: string | null;
  readonly findings: readonly string[];
  readonly approval: string | null;
  readonly anomaly_ids: readonly string[];
  readonly anomaly_kinds: readonly AnomalyKind[];
}

/** The table, or the one beside it that a rebuild fills. Never from outside: it becomes part of a statement. */
export type CallTable = 'calls' | 'calls_rebuilt';

/** Every column but the words, in one order for reading and writing. */
export const columns = [
  ...[
    'call',
    'status',
    'tenant',
    'intent_event',
    'intent_time',
    'session',
    'agent',
    'person',
    'client_name',
    'client_version',
    'address',
    'method',
    'during',
    'server',
    'tool',
    'exposed',
  ],
  ...['definition', 'effect', 'rules', 'rule_ids', 'policy_number', 'policy_digest', 'arguments_bytes', 'arguments_digest', 'dispatch_event', 'responsible_instance'],
  ...['responsible_epoch', 'end_event', 'end_time', 'error', 'reason', 'upstream_ms', 'result_bytes', 'result_digest', 'findings', 'approval', 'anomaly_ids', 'anomaly_kinds'],
] as const;

/** The records of these calls, locked until the end of the transaction; a call without a row begins. */
export async function loadCalls(tx: Tx, table: CallTable, calls: readonly string[]): Promise<Map<string, CallRecord>> {
  const rows = await rowsOf<CallRow>(tx, `select ${columns.join(', ')} from ${table} where call = any($1::text[]) for update`, [calls]);
  const found = new Map(rows.map((row) => [row.call, toRecord(row)]));
  return new Map(calls.map((call) => [call, found.get(call) ?? initial(call)]));
}

/** Writes records over what is there. Rows travel as one JSON text: arrays of arrays have no form as parameters. */
export async function saveCalls(tx: Tx, table: CallTable, records: readonly CallRecord[]): Promise<void> {
  if (records.length === 0) return;
  const updates = columns.filter((column) => column !== 'call').map((column) => `${column} = excluded.${column}`);
  const rows = records.map((record) => ({ ...toRow(record), search: searchWords(record) }));
  const sql = `
    insert into ${table} (${columns.join(', ')}, words)
    select ${columns.map((column) => `row.${column}`).join(', ')}, array_to_tsvector(row.search)
    from json_to_recordset($1::json) as row(${columns.map((column) => `${column} ${typeOf(column)}`).join(', ')}, search text[])
    on conflict (call) do update set ${updates.join(', ')}, words = excluded.words`;
  await tx.query(sql, [JSON.stringify(rows)]);
}

function typeOf(column: (typeof columns)[number]): string {
  if (column === 'error') return 'boolean';
  if (column === 'upstream_ms') return 'double precision';
  if (['policy_number', 'arguments_bytes', 'result_bytes'].includes(column)) return 'integer';
  return ['rule_ids', 'findings', 'anomaly_ids', 'anomaly_kinds'].includes(column) ? 'text[]' : 'text';
}

/** Names that are in an index are cut: PostgreSQL refuses to index very long ones, and nobody searches for them. */
const longestName = 500;
const longestReason = 10_000;

function toRow(record: CallRecord): CallRow {
  const { intent, end } = record;
  const rules = intent?.rules.map((rule) => ({ ...rule, reason: storableText(rule.reason) })) ?? [];
  return {
    call: record.call,
    status: record.status,
    tenant: name(intent?.tenant),
    intent_event: intent?.event ?? null,
    intent_time: name(intent?.time),
    session: name(intent?.session),
    agent: name(intent?.agent),
    person: name(intent?.person),
    client_name: name(intent?.client?.name),
    client_version: name(intent?.client?.version),
    address: name(intent?.address),
    method: name(intent?.method),
    during: intent?.during ?? null,
    server: name(intent?.server),
    tool: name(intent?.tool),
    exposed: name(intent?.exposed),
    definition: name(intent?.definition),
    effect: intent?.effect ?? null,
    rules: JSON.stringify(rules),
    rule_ids: rules.map((rule) => storableText(rule.id)),
    policy_number: intent?.policy.number ?? null,
    policy_digest: name(intent?.policy.digest),
    arguments_bytes: intent?.arguments.bytes ?? null,
    arguments_digest: name(intent?.arguments.digest),
    dispatch_event: record.dispatch,
    responsible_instance: name(record.responsible?.instance),
    responsible_epoch: name(record.responsible?.epoch),
    end_event: end?.event ?? null,
    end_time: name(end?.time),
    error: end?.error ?? null,
    reason: end?.reason == null ? null : storableText(end.reason.slice(0, longestReason)),
    upstream_ms: end?.upstream_ms ?? null,
    result_bytes: end?.result?.bytes ?? null,
    result_digest: name(end?.result?.digest),
    findings: record.findings.map(storableText),
    approval: record.approval,
    anomaly_ids: record.anomalies.map((anomaly) => anomaly.id),
    anomaly_kinds: record.anomalies.map((anomaly) => anomaly.kind),
  };
}

function name(text: string | null | undefined): string | null {
  return text == null ? null : storableText(text.slice(0, longestName));
}

function toRecord(row: CallRow): CallRecord {
  return {
    call: row.call,
    status: row.status,
    intent: row.intent_event === null ? null : intentOf(row),
    dispatch: row.dispatch_event,
    responsible: row.responsible_instance === null || row.responsible_epoch === null ? null : { instance: row.responsible_instance, epoch: row.responsible_epoch },
    end:
      row.end_event === null
        ? null
        : { event: row.end_event, time: row.end_time!, error: row.error, reason: row.reason, upstream_ms: row.upstream_ms, result: sealedOf(row.result_bytes, row.result_digest) },
    findings: row.findings,
    approval: row.approval,
    anomalies: row.anomaly_ids.map((id, index) => ({ id, kind: row.anomaly_kinds[index]! })),
  };
}

function intentOf(row: CallRow): CallRecord['intent'] {
  return {
    event: row.intent_event!,
    time: row.intent_time!,
    session: row.session!,
    tenant: row.tenant!,
    agent: row.agent!,
    person: row.person!,
    client: row.client_name === null ? null : { name: row.client_name, version: row.client_version ?? '' },
    address: row.address!,
    method: row.method!,
    during: row.during,
    server: row.server!,
    tool: row.tool!,
    exposed: row.exposed!,
    definition: row.definition,
    effect: row.effect!,
    rules: JSON.parse(row.rules) as FiredRule[],
    policy: { number: row.policy_number!, digest: row.policy_digest! },
    arguments: { bytes: row.arguments_bytes!, digest: row.arguments_digest! },
  };
}

function sealedOf(bytes: number | null, digest: string | null) {
  return bytes === null || digest === null ? null : { bytes, digest };
}
