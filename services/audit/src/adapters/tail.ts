import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { sourceHeartbeat } from '@customhouse/events/source/events';
import { Waker } from '@customhouse/event-store/waker';
import type { HostSettings } from '@customhouse/nest/config';
import { dataSourceOf, HOST_SETTINGS, SHUTDOWN } from '@customhouse/nest/tokens';
import { AUDIT_SETTINGS, type AuditSettings } from '../config.js';
import { eventsAfter, newestNumber, summarise, type EventFilter } from './event-queries.js';
import { ledgerChannel } from './ledger.consumer.js';

/** A comment goes out this often when nothing happens, so that nobody between takes the connection for dead. */
const keepAlive_ms = 15_000;

/** Follows the ledger. All tails share one listening connection; each reads for itself, from where it is. */
@Injectable()
export class Tail implements OnModuleDestroy {
  private readonly waker: Waker;
  private readonly waiting = new Set<() => void>();
  private pumping: Promise<void> | undefined;

  constructor(
    @Inject(dataSourceOf('audit')) private readonly dataSource: DataSource,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Inject(HOST_SETTINGS) host: HostSettings,
    @Inject(SHUTDOWN) private readonly shutdown: AbortSignal,
  ) {
    this.waker = new Waker({ url: host.databaseUrl!, channel: ledgerChannel, wants: (payload) => payload === 'audit' });
  }

  async onModuleDestroy(): Promise<void> {
    this.waker.close();
    for (const wake of this.waiting) wake();
    await this.pumping;
  }

  /** Where a tail that begins now begins. */
  async now(): Promise<number> {
    return newestNumber(this.dataSource.manager);
  }

  /** Texts of server-sent events, without an end. */
  async *follow(after: number, filter: EventFilter): AsyncGenerator<string> {
    // The client learns at once that it is connected.
    yield ': following\n\n';
    let last = after;
    let spoken = performance.now();
    while (!this.shutdown.aborted) {
      const rows = await eventsAfter(this.dataSource.manager, last, filter, this.settings.exportPage_count);
      for (const row of rows) {
        last = Number(row.number);
        if (row.wire_type.startsWith(`customhouse.${sourceHeartbeat.type}.`)) continue;
        yield `id: ${row.number}\ndata: ${JSON.stringify(summarise(row))}\n\n`;
        spoken = performance.now();
      }
      if (performance.now() - spoken > keepAlive_ms) {
        yield ': still here\n\n';
        spoken = performance.now();
      }
      if (rows.length < this.settings.exportPage_count) await this.somethingNew();
    }
  }

  /** Resolves at the next announcement or poll. */
  private somethingNew(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.add(resolve);
      this.pumping ??= this.pump();
    });
  }

  private async pump(): Promise<void> {
    while (this.waiting.size > 0 && !this.shutdown.aborted) {
      await this.waker.wait(this.settings.tailPoll_ms);
      const woken = [...this.waiting];
      this.waiting.clear();
      for (const wake of woken) wake();
      // Those that have nothing to do come back before the next look.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.pumping = undefined;
  }
}
