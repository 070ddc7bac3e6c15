import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { Tx } from '@customhouse/event-store/sql';
import { storableText } from '@customhouse/event-store/storable-text';
import { readFact, type CallFact } from '../domain/call-fact.js';
import { evolve, type CallRecord } from '../domain/call-record.js';
import { loadCalls, saveCalls, type CallTable } from './call-rows.js';

/** What a fact did to its call. */
export interface Step {
  readonly event: StoredEvent;
  readonly fact: CallFact;
  readonly record: CallRecord;
}

export interface Folded {
  /** In the order of the events, those of no effect left out. */
  readonly steps: readonly Step[];
  /** Events of calls whose data does not fit, with the reason. */
  readonly misfits: readonly { readonly event: StoredEvent; readonly reason: string }[];
}

/** The table of anomalies that goes with a table of calls. */
const anomalyTables = { calls: 'anomalies', calls_rebuilt: 'anomalies_rebuilt' } as const;

/** Folds events of the calls topic, in the log's order, into a table. Events that are no facts about a call are passed over. */
export async function foldCalls(tx: Tx, table: CallTable, events: readonly StoredEvent[]): Promise<Folded> {
  const misfits: { event: StoredEvent; reason: string }[] = [];
  const facts = events.flatMap((event) => {
    try {
      const fact = factOf(event);
      return fact ? [{ event, fact }] : [];
    } catch (error) {
      misfits.push({ event, reason: error instanceof Error ? error.message : String(error) });
      return [];
    }
  });
  if (facts.length === 0) return { steps: [], misfits };
  const records = await loadCalls(tx, table, [...new Set(facts.map(({ fact }) => fact.data.call))]);
  const steps: Step[] = [];
  for (const { event, fact } of facts) {
    const before = records.get(fact.data.call)!;
    const record = evolve(before, fact);
    if (record === before) continue;
    records.set(fact.data.call, record);
    steps.push({ event, fact, record });
  }
  const touched = new Set(steps.map((step) => step.record.call));
  await saveCalls(
    tx,
    table,
    [...touched].map((call) => records.get(call)!),
  );
  await saveAnomalies(tx, table, steps);
  return { steps, misfits };
}

function factOf(event: StoredEvent): CallFact | undefined {
  if (event.foreign !== undefined) return undefined;
  const { time, instance, epoch } = event.envelope;
  return readFact(event.type, event.data, { id: event.id, time, instance: instance ?? null, epoch: epoch ?? null });
}

async function saveAnomalies(tx: Tx, table: CallTable, steps: readonly Step[]): Promise<void> {
  const rows = steps.flatMap(({ event, fact, record }) => {
    const anomaly = record.anomalies.find(({ id }) => id === event.id);
    return anomaly ? [{ event, fact, kind: anomaly.kind }] : [];
  });
  if (rows.length === 0) return;
  const sql = `
    insert into ${anomalyTables[table]} (id, call, kind, wire_type, event_time, topic, partition, log_offset)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::bigint[]) on conflict (id) do nothing`;
  await tx.query(sql, [
    rows.map(({ event }) => event.id),
    rows.map(({ fact }) => fact.data.call),
    rows.map(({ kind }) => kind),
    rows.map(({ event }) => storableText(event.envelope.type)),
    rows.map(({ fact }) => fact.origin.time),
    rows.map(({ event }) => event.position.topic),
    rows.map(({ event }) => event.position.partition),
    rows.map(({ event }) => event.position.offset),
  ]);
}
