import { expect } from '@jest/globals';
import { callFailed } from '@customhouse/events/call/events';
import { canonicalise } from '@customhouse/kernel/canonical';
import { decode } from '@customhouse/event-log/decode';
import type { EventWriter } from '@customhouse/event-log/event-writer';
import { partitionKey, type EventLog, type Position, type StoredRecord } from '@customhouse/event-log/port';
import { LogIndeterminate, LogRefused, type NewEvent } from '@customhouse/event-log/sink';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { hashOf } from '@customhouse/event-log/writer/draft';
import { ulid } from '@customhouse/kernel/ulid';
import { randomBytes } from 'node:crypto';

type Outcome = { readonly kind: 'stored'; readonly position: Position } | { readonly kind: 'refused' | 'indeterminate'; readonly error: Error };

const written = ['customhouse.calls', 'customhouse.sources'];

/** What callers were told, to be compared with what the log holds. */
export class History {
  readonly outcomes = new Map<string, Outcome & { readonly key: string; readonly number: number; readonly took_ms: number }>();

  constructor(private readonly writer: EventWriter) {}

  /** Appends one event and notes what was answered. `bytes` makes batches of one size. */
  async write(key: string, number: number, bytes = 200, timeout_ms?: number): Promise<Outcome> {
    const event = callEvent(key, number, bytes);
    const started = performance.now();
    const outcome = await this.writer.append(event, { timeout_ms }).then(
      ({ position }): Outcome => ({ kind: 'stored', position }),
      (error: unknown): Outcome => {
        if (error instanceof LogRefused) return { kind: 'refused', error };
        if (error instanceof LogIndeterminate) return { kind: 'indeterminate', error };
        throw error;
      },
    );
    this.outcomes.set(event.id!, { ...outcome, key, number, took_ms: performance.now() - started });
    return outcome;
  }

  /** Callers that write one event after the other, each under its own key, until they are stopped. */
  load(callers: number, pause_ms = 2): { stop(): Promise<void> } {
    let running = true;
    const all = Array.from({ length: callers }, async (_, caller) => {
      for (let number = 0; running; number += 1) {
        await this.write(`session-${caller}`, number);
        await new Promise((resolve) => setTimeout(resolve, pause_ms));
      }
    });
    return {
      stop: async () => {
        running = false;
        await Promise.all(all);
      },
    };
  }

  count(kind: Outcome['kind']): number {
    return [...this.outcomes.values()].filter((outcome) => outcome.kind === kind).length;
  }

  /** Reads the whole log, from its beginning, and compares. `repeats`: the same event may be there twice, because it was sent twice. */
  async compare(log: EventLog, options: { readonly repeats?: boolean } = {}): Promise<StoredEvent[]> {
    const events = (await readWhole(log, written)).map(decode).filter((event) => event.envelope.instance === this.writer.instance);
    const found = new Map<string, StoredEvent[]>();
    for (const event of events) found.set(event.id, [...(found.get(event.id) ?? []), event]);

    for (const [id, outcome] of this.outcomes) {
      const stored = found.get(id) ?? [];
      if (outcome.kind === 'stored') {
        expect(stored.map(({ position }) => position)).toContainEqual(outcome.position);
        expect(stored[0]!.data).toMatchObject({ reason: `${outcome.key}/${outcome.number}` });
      } else if (outcome.kind === 'refused') expect([id, stored.length]).toEqual([id, 0]);
      if (!options.repeats) expect([id, stored.length]).toEqual([id, Math.min(stored.length, 1)]);
    }
    const unknown = events.filter((event) => !event.type.startsWith('source.') && !this.outcomes.has(event.id));
    expect(unknown).toEqual([]);
    this.compareOrder();
    return events;
  }

  /** A caller waits for each answer, so what was acknowledged under its key must lie in that order. */
  private compareOrder(): void {
    const last = new Map<string, Position>();
    for (const outcome of this.outcomes.values()) {
      if (outcome.kind !== 'stored') continue;
      const before = last.get(outcome.key);
      if (before !== undefined) {
        expect(outcome.position.partition).toBe(before.partition);
        expect(outcome.position.offset).toBeGreaterThan(before.offset);
      }
      last.set(outcome.key, outcome.position);
    }
  }
}

export function callEvent(key: string, number: number, bytes = 200): NewEvent<typeof callFailed> & { readonly id: string } {
  const call = ulid(Date.now(), randomBytes(10));
  return {
    id: call,
    declaration: callFailed,
    subject: `call-${call}`,
    key,
    data: { call, reason: `${key}/${number}`, message: 'x'.repeat(bytes), result: null, upstream_ms: number },
  };
}

/** Everything in these topics, in order within each partition. Fails when a partition has a hole. */
export async function readWhole(log: EventLog, topics: readonly string[]): Promise<StoredRecord[]> {
  const ends = await log.ends(topics);
  const stop = new AbortController();
  const records: StoredRecord[] = [];
  const next = new Map([...ends.keys()].map((name) => [name, 0]));
  const complete = (): boolean => [...ends].every(([name, end]) => next.get(name)! >= end);
  const timer = setTimeout(() => stop.abort(), 30_000);
  if (!complete()) {
    for await (const batch of log.follow({ topics, from: new Map(), signal: stop.signal, idle_ms: 200 })) {
      for (const record of batch.records) {
        const name = partitionKey(record.topic, record.position.partition);
        expect([name, record.position.offset]).toEqual([name, next.get(name)]);
        next.set(name, record.position.offset + 1);
        records.push(record);
      }
      if (complete()) break;
    }
  }
  clearTimeout(timer);
  stop.abort();
  expect(complete()).toBe(true);
  return records;
}

/**
 * Verifies the chains of one writer: every epoch begins with `source.started`, sequences have no gap and hashes match up to
 * what the next epoch says was acknowledged, and every epoch but the last is closed or spoken of by a later one.
 */
export function verifyChains(events: readonly StoredEvent[], options: { readonly closed: boolean }): void {
  const epochs = new Map<string, StoredEvent[]>();
  for (const event of events) {
    if (event.envelope.epoch === undefined) continue;
    expect(Buffer.from(event.bytes).toString()).toBe(canonicalise(event.envelope));
    epochs.set(event.envelope.epoch, [...(epochs.get(event.envelope.epoch) ?? []), event]);
  }
  const order = [...epochs.keys()].sort((a, b) => Number(a) - Number(b));
  // What later epochs say of earlier ones. Those between the one that is named and the one that speaks were never acknowledged.
  const acknowledged = new Map<string, number>();
  for (const epoch of order) {
    const started = epochs.get(epoch)!.find((event) => event.type === 'source.started');
    const { previous } = (started?.data ?? { previous: null }) as { previous: { epoch: string; acknowledged: number } | null };
    if (previous === null) continue;
    for (const between of order.filter((other) => Number(other) >= Number(previous.epoch) && Number(other) < Number(epoch))) {
      if (between === previous.epoch) acknowledged.set(between, previous.acknowledged);
      else if (!acknowledged.has(between)) acknowledged.set(between, 0);
    }
  }
  for (const [index, epoch] of order.entries()) {
    const chain = epochs.get(epoch)!.sort((a, b) => a.envelope.sequence!.localeCompare(b.envelope.sequence!));
    const closed = chain.some((event) => event.type === 'source.closed');
    const last = index === order.length - 1;
    if (!last) expect([epoch, closed || acknowledged.has(epoch)]).toEqual([epoch, true]);
    if (last && options.closed) expect(chain.at(-1)!.type).toBe('source.closed');
    const certain = acknowledged.get(epoch) ?? chain.length;
    for (let at = 0; at < certain; at += 1) {
      expect([epoch, chain[at]?.envelope.sequence]).toEqual([epoch, String(at + 1).padStart(16, '0')]);
      expect(chain[at]!.envelope.previoushash).toBe(at === 0 ? '' : hashOf(chain[at - 1]!.bytes));
    }
    if (certain > 0) expect(chain[0]!.type).toBe('source.started');
  }
}
