import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { defineEvent, type EventDeclaration } from '@customhouse/events/catalogue';
import { policyActivated } from '@customhouse/events/policy/events';
import { EventWriter } from '@customhouse/event-log/event-writer';
import { MemoryLog } from '@customhouse/event-log/memory';
import type { StoredRecord } from '@customhouse/event-log/port';
import type { NewEvent } from '@customhouse/event-log/sink';
import { deadLetterTopic, systemTopics } from '@customhouse/event-log/topics';
import { eventStoreMigrations, migrate } from '../src/migrations.js';

export const group = 'stage.fold';
export const topic = 'customhouse.policy';

/** A schema of its own with the tables of the event store, a log in memory and a writer on it. */
export class Stage {
  readonly log = new MemoryLog([
    ...systemTopics(),
    deadLetterTopic(
      systemTopics().find(({ name }) => name === topic)!,
      group,
    ),
  ]);
  readonly writer = new EventWriter({ log: this.log, service: 'stage', instance: 'stage-1', heartbeat_ms: 60_000 });

  private constructor(
    readonly url: string,
    readonly source: DataSource,
  ) {}

  static async open(url: string): Promise<Stage> {
    await migrate({ url, schema: 'stage', sets: [eventStoreMigrations] });
    const stage = new Stage(url, await Stage.connect(url));
    await stage.writer.start();
    return stage;
  }

  /** Another pool on the same schema: another process, as far as the database can tell. */
  static async connect(url: string): Promise<DataSource> {
    const source = new DataSource({
      type: 'postgres',
      url,
      schema: 'stage',
      synchronize: false,
      installExtensions: false,
      poolSize: 6,
      poolErrorHandler: () => undefined,
      extra: { options: '-c search_path=stage' },
    });
    return source.initialize();
  }

  async sql<Row = any>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.source.manager.query(text, values) as Promise<Row[]>;
  }

  /** Everything on a topic, in the order of its one partition. */
  async records(name = topic): Promise<StoredRecord[]> {
    const over = new AbortController();
    const records: StoredRecord[] = [];
    for await (const batch of this.log.follow({ topics: [name], from: new Map(), signal: over.signal, idle_ms: 10 })) {
      records.push(...batch.records);
      if (batch.atEnd) over.abort();
    }
    return records;
  }

  async close(): Promise<void> {
    await this.writer.close();
    await this.source.destroy();
  }
}

/** An event whose number can be told from its data. */
export function activated(number: number, subject = 'policy-1'): NewEvent<typeof policyActivated> {
  return { declaration: policyActivated, subject, key: subject, data: { number, digest: `digest-${number}`, previous: null, by: 'somebody' } };
}

export const unlisted: EventDeclaration = defineEvent({ type: 'policy.version.imagined', version: 1, topic, summary: 'Is in no catalogue.', schema: z.strictObject({}) });

export async function eventually<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false, timeout_ms = 10_000): Promise<T> {
  const until = performance.now() + timeout_ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > until) throw new Error(`not within ${timeout_ms} ms: ${what}`);
    await sleep(20);
  }
}
