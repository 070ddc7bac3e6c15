import { messageOf, within } from '../deadline.js';
import type { AppendResult, LogRecord } from '../port.js';
import { partitionKey } from '../port.js';
import type { TopicTable } from '../topic-table.js';
import { Connection, type PostgresOptions } from './connection.js';
import { certainlyNotCommitted, passes } from './failures.js';

interface Stored {
  readonly topic: string;
  readonly partition: number;
  readonly base: number;
  readonly appended: number;
}

/** Where the records of one partition of a batch begin. */
interface Share {
  readonly t: string;
  readonly p: number;
  n: number;
}

/** What is sent for a batch: two small documents and all values end to end. */
interface Request {
  readonly partitions: readonly Share[];
  readonly records: string;
  readonly payload: Buffer;
  /** For each record of the batch its partition and place in it; undefined for a record that was refused beforehand. */
  readonly places: readonly ({ readonly share: string; readonly nth: number; readonly partition: number } | undefined)[];
}

const statement = 'select topic, partition, base::float8 as base, appended::float8 as appended from log.append($1::json, $2::json, $3::bytea)';

export type OnStored = (
  records: readonly { readonly record: LogRecord; readonly partition: number; readonly offset: number; readonly appended: number }[],
  backend: number | undefined,
) => void;

/** Appends batches over one connection of its own: one statement, one round trip, one transaction. */
export class Appender {
  private connection: Connection | undefined;

  constructor(
    private readonly options: PostgresOptions,
    private readonly topics: TopicTable,
    private readonly onStored: OnStored,
  ) {}

  async append(batch: readonly LogRecord[], timeout_ms: number): Promise<readonly AppendResult[]> {
    const results: (AppendResult | undefined)[] = batch.map((record) => {
      const error = this.topics.unfit(record);
      return error && { outcome: 'refused', error, transient: false };
    });
    if (results.every((result) => result !== undefined)) return results;
    const rest = (answer: AppendResult): readonly AppendResult[] => results.map((result) => result ?? answer);

    const started = performance.now();
    let connection: Connection;
    try {
      connection = await this.connected(timeout_ms);
    } catch (error) {
      return rest({ outcome: 'refused', transient: true, error: new Error(`the log's database cannot be reached: ${messageOf(error)}`, { cause: error }) });
    }
    const left = timeout_ms - (performance.now() - started);
    if (left <= 0) return rest({ outcome: 'refused', transient: true, error: new Error('the deadline passed before anything was sent to the database') });

    const request = pack(batch, results, this.topics);
    try {
      const stored = await within(left, this.send(connection, request));
      return this.answer(batch, results, request, stored, connection);
    } catch (error) {
      if (certainlyNotCommitted(error))
        return rest({ outcome: 'refused', transient: passes(error), error: new Error(`the database refused the records: ${messageOf(error)}`, { cause: error }) });
      // The statement may still commit. Nothing more is sent over a connection whose state is unknown.
      connection.cut();
      return rest({ outcome: 'indeterminate', error: new Error(`the database did not confirm the records: ${messageOf(error)}`, { cause: error }) });
    }
  }

  close(): void {
    this.connection?.cut();
    this.connection = undefined;
  }

  private async connected(timeout_ms: number): Promise<Connection> {
    if (this.connection?.alive) return this.connection;
    const timeout = Math.min(this.options.connect_timeout_ms ?? 5000, Math.max(1, Math.floor(timeout_ms)));
    this.connection = await Connection.open({ ...this.options, connect_timeout_ms: timeout }, 'customhouse-log-append');
    return this.connection;
  }

  private async send(connection: Connection, request: Request): Promise<readonly Stored[]> {
    const answer = await connection.client.query<Stored>({
      name: 'append',
      text: statement,
      values: [JSON.stringify(request.partitions), request.records, request.payload],
    });
    return answer.rows;
  }

  private answer(
    batch: readonly LogRecord[],
    results: readonly (AppendResult | undefined)[],
    request: Request,
    stored: readonly Stored[],
    connection: Connection,
  ): readonly AppendResult[] {
    const bases = new Map(stored.map((row) => [partitionKey(row.topic, row.partition), row]));
    const told: Parameters<OnStored>[0][number][] = [];
    const answers = batch.map((record, index): AppendResult => {
      const place = request.places[index];
      if (place === undefined) return results[index]!;
      const base = bases.get(place.share);
      if (base === undefined) return { outcome: 'indeterminate', error: new Error(`the database did not say where it stored a record of ${record.topic}`) };
      const offset = base.base + place.nth;
      told.push({ record, partition: place.partition, offset, appended: base.appended });
      return { outcome: 'stored', position: { topic: record.topic, partition: place.partition, offset } };
    });
    this.onStored(told, (connection.client as { processID?: number }).processID);
    return answers;
  }
}

function pack(batch: readonly LogRecord[], results: readonly (AppendResult | undefined)[], topics: TopicTable): Request {
  const shares = new Map<string, Share>();
  const records: unknown[] = [];
  const values: Uint8Array[] = [];
  let at = 0;
  const places = batch.map((record, index) => {
    if (results[index] !== undefined) return undefined;
    const partition = topics.partitionOf(record.topic, record.key);
    const name = partitionKey(record.topic, partition);
    let share = shares.get(name);
    if (share === undefined) shares.set(name, (share = { t: record.topic, p: partition, n: 0 }));
    const nth = share.n;
    share.n += 1;
    records.push({ t: record.topic, p: partition, i: nth, k: record.key, h: record.headers, a: at, s: record.value === null ? -1 : record.value.length });
    if (record.value !== null) {
      values.push(record.value);
      at += record.value.length;
    }
    return { share: name, nth, partition };
  });
  return { partitions: [...shares.values()], records: JSON.stringify(records), payload: Buffer.concat(values, at), places };
}
