import type { Pool } from 'pg';
import {
  partitionKey,
  type AppendResult,
  type EventLog,
  type FollowedBatch,
  type FollowOptions,
  type LogRecord,
  type Position,
  type Positions,
  type StoredRecord,
} from '../port.js';
import { readStateFrom } from '../read-state.js';
import { TopicTable, UnknownTopic } from '../topic-table.js';
import type { TopicAdmin, TopicDeclaration } from '../topics.js';
import { Announcements } from './announcements.js';
import { Appender, type OnStored } from './appender.js';
import { Connection, readingPool, type PostgresOptions } from './connection.js';
import { describeDatabase } from './failures.js';
import { Follower } from './follower.js';
import { maintain } from './maintenance.js';
import { fetchOne } from './reader.js';
import { installSchema } from './schema.js';
import { TailCache } from './tail-cache.js';
import { createTopics, loadTopics } from './topics.js';

/** The log in the schema `log` of a PostgreSQL database. */
export class PostgresLog implements EventLog, TopicAdmin {
  private readonly topics = new TopicTable();
  private readonly tail = new TailCache();
  private readonly announcements: Announcements;
  private readonly appender: Appender;
  private readonly pool: Pool;
  private maintenance: NodeJS.Timeout | undefined;
  private maintaining: Promise<void> | undefined;

  private constructor(private readonly options: PostgresOptions) {
    this.announcements = new Announcements(options);
    this.appender = new Appender(options, this.topics, this.stored);
    this.pool = readingPool(options);
  }

  /** Connects, and makes or updates the schema. Throws a clear message when the database cannot be used. */
  static async open(options: PostgresOptions): Promise<PostgresLog> {
    const log = new PostgresLog(options);
    try {
      await log.withConnection(async ({ client }) => {
        await installSchema(client);
        log.topics.add(await loadTopics(client));
      });
    } catch (error) {
      await log.close();
      throw new Error(`the log cannot be opened in ${describeDatabase(options.url)}: ${error instanceof Error ? error.message || error.name : String(error)}`, { cause: error });
    }
    const interval = options.maintenance_ms ?? 60_000;
    if (interval > 0) log.maintenance = setInterval(() => log.runMaintenance(), interval).unref();
    return log;
  }

  async createTopics(topics: readonly TopicDeclaration[]): Promise<readonly string[]> {
    return this.withConnection(async ({ client }) => {
      const differences = await createTopics(client, topics);
      this.topics.add(await loadTopics(client));
      return differences;
    });
  }

  async append(batch: readonly LogRecord[], deadline: { readonly timeout_ms: number }): Promise<readonly AppendResult[]> {
    return this.appender.append(batch, deadline.timeout_ms);
  }

  follow(options: FollowOptions): AsyncIterable<FollowedBatch> {
    return new Follower(
      {
        pool: this.pool,
        announcements: this.announcements,
        tail: this.tail,
        partitionsOf: (topic) => this.partitionsOf(topic),
        poll_ms: this.options.poll_ms ?? 1000,
        onProblem: this.problem,
      },
      options,
    ).batches();
  }

  async readState(topic: string, signal?: AbortSignal): Promise<{ readonly records: readonly StoredRecord[]; readonly next: Positions }> {
    return readStateFrom(this, topic, signal);
  }

  async read(position: Position): Promise<StoredRecord | undefined> {
    return fetchOne(this.pool, position);
  }

  async ends(topics: readonly string[]): Promise<Positions> {
    const rows = await this.pool.query<{ topic: string; partition: number; next: number }>(
      'select topic, partition, next::float8 as next from log.partitions where topic = any($1) order by topic, partition',
      [topics],
    );
    const ends = new Map(rows.rows.map((row) => [partitionKey(row.topic, row.partition), row.next]));
    for (const topic of topics) if (!ends.has(partitionKey(topic, 0))) throw new UnknownTopic(topic);
    return ends;
  }

  unfit(record: LogRecord): Error | undefined {
    return this.topics.unfit(record);
  }

  partitionOf(topic: string, key: string): number {
    return this.topics.partitionOf(topic, key);
  }

  async ping(timeout_ms: number): Promise<void> {
    const connect_timeout_ms = Math.max(1, timeout_ms);
    try {
      const connection = await Connection.open({ ...this.options, connect_timeout_ms, statement_timeout_ms: connect_timeout_ms }, 'customhouse-log-ping');
      connection.cut();
    } catch (error) {
      throw new Error(`the log cannot be reached in ${describeDatabase(this.options.url)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  /** Compaction and retention, now. Also runs by itself every `maintenance_ms`. */
  async maintain(now = Date.now(), lags?: { readonly compaction_ms: number; readonly removal_ms: number }): Promise<void> {
    await maintain(this.pool, now, lags);
    this.tail.clear();
  }

  async close(): Promise<void> {
    clearInterval(this.maintenance);
    this.appender.close();
    await this.announcements.close();
    await this.maintaining;
    await this.pool.end();
  }

  private readonly stored: OnStored = (stored, backend) => {
    this.announcements.ownBackend = backend;
    for (const { record, partition, offset, appended } of stored) this.tail.push({ ...record, position: { topic: record.topic, partition, offset }, appended });
    for (const topic of new Set(stored.map(({ record }) => record.topic))) this.announcements.announce(topic);
  };

  private async partitionsOf(topic: string): Promise<number> {
    if (!this.topics.has(topic)) await this.refreshTopics();
    return this.topics.get(topic).partitions;
  }

  private async refreshTopics(): Promise<void> {
    this.topics.add(await loadTopics(this.pool));
  }

  private runMaintenance(): void {
    this.maintaining ??= this.maintain()
      .catch((error: unknown) => this.problem('compaction and retention of the log failed; trying again at the next interval', error))
      .finally(() => (this.maintaining = undefined));
  }

  private readonly problem = (problem: string, error: unknown): void => this.options.onProblem?.(problem, error);

  private async withConnection<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await Connection.open(this.options, 'customhouse-log-setup');
    try {
      return await use(connection);
    } finally {
      connection.cut();
    }
  }
}
