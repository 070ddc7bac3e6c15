import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import { partitionKey, type EventLog, type FollowedBatch, type Positions, type StoredRecord } from '@customhouse/event-log/port';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { messageOf, readBatch, recordOf, withoutProcessed, type Batch, type Dead } from './batch.js';
import { keepDeadLetter } from './dead-letters.js';
import { backoff, isPassing } from './failures.js';
import { FencedOff, giveUpLease, holdLease, holdPosition, loadPositions, movePosition, takeLease, type Lease } from './lease.js';
import { rowsOf, type Tx } from './sql.js';
import { inTransaction } from './transaction.js';

/** What a fold may use. Everything that it writes goes with the positions, or not at all. */
export interface ProjectionScope {
  readonly tx: EntityManager;
  /** Runs after the commit, in order, and not at all when there is none. It must not throw. */
  afterCommit(effect: () => void): void;
  /** Keeps the record of an event as a dead letter, for a fold that goes on with the others. */
  setAside(event: StoredEvent, reason: string): void;
}

export interface ProjectionOptions {
  readonly dataSource: DataSource;
  readonly log: EventLog;
  /** `<service>.<purpose>`. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Unique among living processes. */
  readonly owner: string;
  /** Throws for what cannot be read: the record becomes a dead letter. */
  readonly decode: (record: StoredRecord) => StoredEvent;
  /**
   * Folds events of one partition, in order. May be called again with the same events after a rollback. When it throws something that
   * is not the database's passing trouble, the events are folded one at a time, and those that throw become dead letters.
   */
  readonly fold: (events: readonly StoredEvent[], scope: ProjectionScope) => Promise<void>;
  /**
   * Which events are folded. Others are passed over at no cost: a batch without any has no transaction of its own, and the stored position may lie
   * some seconds before the one that is read, so that a restart passes over them once more. Must answer the same for ever. Default: all.
   */
  readonly wants?: (event: StoredEvent) => boolean;
  /**
   * True while there is nothing to follow for: then the group reads and writes nothing. Asked every second, so whoever ends the rest says where to
   * begin (placeGroup). Default: never.
   */
  readonly atRest?: (tx: Tx) => Promise<boolean>;
  /** False when the fold itself drops duplicates, by a unique event id of its own. Default true. */
  readonly dedupe?: boolean;
  /** How long ids of processed events are remembered: a duplicate that comes later is taken. Default 7 days. */
  readonly dedupe_ms?: number;
  /** Default 10 000 ms. */
  readonly lease_ms?: number;
  /** Records in one transaction. Default 500. */
  readonly batch?: number;
  /** How long records of a busy log are collected for one transaction, instead of one for each of the writer's batches. Default 20 ms. */
  readonly linger_ms?: number;
  readonly observer?: ProjectionObserver;
}

export interface ProjectionObserver {
  processed?(events: number, milliseconds: number): void;
  deadLetter?(record: StoredRecord, reason: string): void;
  /** Undefined when it works again. */
  problem?(error: unknown): void;
}

export type ProjectionState = 'stopped' | 'starting' | 'resting' | 'standby' | 'following' | 'retrying';

const pruneEvery_ms = 3_600_000;
const prunePortion = 5_000;
const restLook_ms = 1_000;

/** Follows topics and folds them into PostgreSQL, each record once: the position moves in the transaction that writes the rows. */
export class Projection {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private lease: Lease | undefined;
  /** Offset to read next, by partition, as this process knows it. */
  private next = new Map<string, number>();
  /** The same, as the database has it. */
  private stored = new Map<string, number>();
  /** The last records of partitions that were passed over since the database was told. */
  private readonly passed = new Map<string, StoredRecord>();
  private lastHeld = 0;
  private lastAsked = -Infinity;
  private resting = false;
  private lastPruned = -Infinity;
  private failures = 0;
  private trouble: string | undefined;
  private phase: ProjectionState = 'stopped';
  private end = false;

  constructor(private readonly options: ProjectionOptions) {}

  get group(): string {
    return this.options.group;
  }

  get state(): ProjectionState {
    return this.phase;
  }

  /** Why it does not get on, in words; undefined while it does. */
  get problem(): string | undefined {
    return this.trouble;
  }

  /** True when everything that the log held was processed at the last look. */
  get atEnd(): boolean {
    return this.end;
  }

  /** The offset to read next in every partition that was read. */
  get positions(): Positions {
    return this.next;
  }

  start(): void {
    if (this.running) return;
    this.phase = 'starting';
    this.running = this.run();
  }

  /** Lets the transaction in flight end and gives the lease up. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    this.phase = 'stopped';
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.lead();
      } catch (error) {
        if (error instanceof FencedOff) continue;
        await this.failed(error);
      }
    }
    if (this.lease) await giveUpLease(this.options.dataSource, this.lease).catch(() => undefined);
  }

  /** Whether there is nothing to follow for; what was known a second ago is good enough. */
  private async rests(): Promise<boolean> {
    const { atRest, dataSource } = this.options;
    if (atRest === undefined || performance.now() - this.lastAsked < restLook_ms) return this.resting;
    this.resting = await atRest(dataSource.manager);
    this.lastAsked = performance.now();
    return this.resting;
  }

  private async rest(): Promise<void> {
    const { lease } = this;
    this.lease = undefined;
    if (lease) await giveUpLease(this.options.dataSource, lease);
    this.recovered('resting');
    await this.pause(restLook_ms);
  }

  /** Gets the lease and follows until it is lost, there is nothing to follow for, or the projection is stopped. */
  private async lead(): Promise<void> {
    const { dataSource, group, owner, log, topics } = this.options;
    if (await this.rests()) return this.rest();
    this.lease = await takeLease(dataSource, group, owner, this.lease_ms);
    if (!this.lease) {
      this.recovered('standby');
      await this.pause(Math.min(1_000, this.lease_ms / 4));
      return;
    }
    const positions = await loadPositions(dataSource.manager, group);
    this.next = new Map(positions.map((position) => [partitionKey(position.topic, position.partition), position.offset]));
    this.stored = new Map(this.next);
    this.passed.clear();
    this.lastHeld = Date.now();
    this.recovered('following');
    for await (const batch of log.follow({
      topics,
      from: new Map(this.next),
      signal: this.stopping.signal,
      batch: this.options.batch ?? 500,
      idle_ms: Math.min(1_000, this.lease_ms / 4),
      linger_ms: this.options.linger_ms ?? 20,
    })) {
      await this.take(batch);
      if (await this.rests()) return;
    }
  }

  /** Processes a batch, trying for as long as the trouble is passing. Throws FencedOff, and what is lasting. */
  private async take(batch: FollowedBatch): Promise<void> {
    const taken = Date.now();
    while (!this.stopping.signal.aborted) {
      try {
        const complete = batch.atEnd ? taken : undefined;
        if (batch.records.length > 0) await this.process(batch.records, complete);
        else await this.hold(complete);
        this.end = batch.atEnd;
        this.recovered('following');
        return;
      } catch (error) {
        if (error instanceof FencedOff || !isPassing(error)) throw error;
        await this.failed(error);
      }
    }
  }

  /** Keeps the lease while nothing comes that is folded. */
  private async hold(complete: number | undefined): Promise<void> {
    if (Date.now() - this.lastHeld < Math.min(1_000, this.lease_ms / 4)) return;
    const { dataSource } = this.options;
    if (this.passed.size === 0) await holdLease(dataSource.manager, this.lease!, this.lease_ms, complete);
    for (const [place, last] of this.passed) {
      await inTransaction(
        dataSource,
        async (tx) => {
          await this.holdPlace(tx, place, last, complete);
          await this.move(tx, last);
        },
        { attempts: 1 },
      );
      this.moved(place);
    }
    this.lastHeld = Date.now();
    if (performance.now() - this.lastPruned > pruneEvery_ms) await this.prune();
  }

  /** Forgets the oldest ids, a portion at a time, while there is nothing else to do. */
  private async prune(): Promise<void> {
    if (this.options.dedupe === false) return;
    const sql = `
      delete from processed_events where ctid = any(array(
        select ctid from processed_events where group_name = $1 and seen_at < now() - $2 * interval '1 millisecond' limit $3)) returning 1`;
    const pruned = await rowsOf(this.options.dataSource.manager, sql, [this.options.group, this.options.dedupe_ms ?? 7 * 86_400_000, prunePortion]);
    if (pruned.length < prunePortion) this.lastPruned = performance.now();
  }

  private async process(records: readonly StoredRecord[], complete: number | undefined): Promise<void> {
    const started = performance.now();
    const last = records.at(-1)!;
    const place = partitionKey(last.position.topic, last.position.partition);
    const batch = readBatch(records, this.options);
    if (batch.events.length === 0 && batch.dead.length === 0) {
      this.passed.set(place, last);
      this.next.set(place, last.position.offset + 1);
      return this.hold(complete);
    }
    let folded: number;
    try {
      folded = await this.commit(batch, last, complete, 'together');
    } catch (error) {
      if (error instanceof FencedOff || isPassing(error)) throw error;
      folded = await this.commit(batch, last, complete, 'one by one');
    }
    this.next.set(place, last.position.offset + 1);
    this.moved(place);
    this.lastHeld = Date.now();
    this.options.observer?.processed?.(folded, performance.now() - started);
  }

  private async commit(batch: Batch, last: StoredRecord, complete: number | undefined, manner: 'together' | 'one by one'): Promise<number> {
    const { dataSource, group } = this.options;
    const effects: (() => void)[] = [];
    const dead = [...batch.dead];
    const folded = await inTransaction(
      dataSource,
      async (tx) => {
        await this.holdPlace(tx, partitionKey(last.position.topic, last.position.partition), last, complete);
        const events = this.options.dedupe === false ? batch.events : await withoutProcessed(tx, group, batch.events);
        const scope: ProjectionScope = {
          tx,
          afterCommit: (effect) => effects.push(effect),
          setAside: (event, reason) => dead.push({ record: recordOf(events, event), reason }),
        };
        if (manner === 'together')
          await this.options.fold(
            events.map(({ event }) => event),
            scope,
          );
        else for (const { event, record } of events) await this.foldOne(event, record, scope, effects, dead);
        for (const { record, reason } of dead) await keepDeadLetter(tx, group, record, reason);
        await this.move(tx, last);
        return events.length;
      },
      { attempts: 1 },
    );
    for (const { record, reason } of dead) this.options.observer?.deadLetter?.(record, reason);
    for (const effect of effects) effect();
    return folded;
  }

  /** Holds the lease and the position of the partition that a record is of. Throws FencedOff when it is not where this process left it. */
  private async holdPlace(tx: EntityManager, place: string, { position }: StoredRecord, complete: number | undefined): Promise<void> {
    const stored = await holdPosition(tx, this.lease!, position, { lease_ms: this.lease_ms, complete });
    if (stored !== this.stored.get(place)) throw new FencedOff(this.options.group);
  }

  private async move(tx: EntityManager, { position, appended }: StoredRecord): Promise<void> {
    await movePosition(tx, this.options.group, { ...position, offset: position.offset + 1 }, appended);
  }

  /** The database has the position that is read. */
  private moved(place: string): void {
    this.stored.set(place, this.next.get(place)!);
    this.passed.delete(place);
  }

  private async foldOne(event: StoredEvent, record: StoredRecord, scope: ProjectionScope, effects: (() => void)[], dead: Dead[]): Promise<void> {
    const before = { effects: effects.length, dead: dead.length };
    await scope.tx.query('savepoint one_event');
    try {
      await this.options.fold([event], scope);
    } catch (error) {
      if (isPassing(error)) throw error;
      await scope.tx.query('rollback to savepoint one_event');
      effects.length = before.effects;
      dead.length = before.dead;
      dead.push({ record, reason: messageOf(error) });
    }
    await scope.tx.query('release savepoint one_event');
  }

  private get lease_ms(): number {
    return this.options.lease_ms ?? 10_000;
  }

  private recovered(state: ProjectionState): void {
    if (this.trouble !== undefined) this.options.observer?.problem?.(undefined);
    this.trouble = undefined;
    this.failures = 0;
    this.phase = state;
  }

  private async failed(error: unknown): Promise<void> {
    this.phase = 'retrying';
    this.end = false;
    this.failures += 1;
    if (this.trouble === undefined) this.options.observer?.problem?.(error);
    this.trouble = messageOf(error);
    await this.pause(backoff(this.failures, 50, 2_000));
  }

  private async pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}
