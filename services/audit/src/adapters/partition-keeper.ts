import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import type { Health } from '@customhouse/nest/health';
import { dataSourceOf, HEALTH, LOGGER } from '@customhouse/nest/tokens';
import { AUDIT_SETTINGS, type AuditSettings } from '../config.js';
import { rangesAround, type PartitionRange } from '../domain/partitions.js';

/** Tables that are kept in ranges, with the column that the ranges are of. */
const parents = { events: 'id', calls: 'call' } as const;
type Parent = keyof typeof parents;

/** Makes the tables that events and calls will go to, before their time comes. What had no table yet is moved into the new one. */
@Injectable()
export class PartitionKeeper implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private problem: string | undefined;

  constructor(
    @Inject(dataSourceOf('audit')) private readonly dataSource: DataSource,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HEALTH) health: Health,
  ) {
    health.add('audit-partitions', () => {
      if (this.problem !== undefined) throw new Error(this.problem);
    });
  }

  /** Before the first consumer starts. */
  async onApplicationBootstrap(): Promise<void> {
    await this.look();
    this.timer = setInterval(() => void this.look(), this.settings.partitionCheck_ms).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Makes what is missing now. Answers the names of the new tables. */
  async ensure(): Promise<string[]> {
    return inTransaction(this.dataSource, async (tx) => {
      await tx.query(`select pg_advisory_xact_lock(hashtextextended('customhouse.audit.partitions', 0))`);
      const { now } = await oneRow<{ now: string }>(tx, 'select extract(epoch from clock_timestamp()) * 1000 as now');
      const ranges = rangesAround(Number(now), this.settings.partition_days, this.settings.partitionsAhead_count);
      const made: string[] = [];
      for (const parent of Object.keys(parents) as Parent[]) {
        const bounds = await boundsOf(tx, parent);
        for (const range of ranges) {
          if (bounds.some(([from, to]) => range.fromId < to && from < range.toId)) continue;
          made.push(await make(tx, parent, range));
        }
      }
      return made;
    });
  }

  private async look(): Promise<void> {
    try {
      const made = await this.ensure();
      if (made.length > 0) this.logger.info({ tables: made }, 'made tables for the time to come');
      this.problem = undefined;
    } catch (error) {
      // Events go to the default table meanwhile and are moved later.
      this.problem = error instanceof Error ? error.message : String(error);
      this.logger.error({ error }, 'the tables for the time to come cannot be made');
    }
  }
}

/** Ranges that there are, the default table left out. Tables of another width may cover part of a range: it is left to them. */
async function boundsOf(tx: Tx, parent: Parent): Promise<[string, string][]> {
  const sql = `
    select pg_get_expr(child.relpartbound, child.oid) as bound from pg_inherits
    join pg_class child on child.oid = inhrelid where inhparent = $1::regclass`;
  const rows = await rowsOf<{ bound: string }>(tx, sql, [parent]);
  return rows.flatMap(({ bound }) => {
    const match = /^FOR VALUES FROM \('([0-9A-Z]+)'\) TO \('([0-9A-Z]+)'\)$/.exec(bound);
    return match ? [[match[1]!, match[2]!] as [string, string]] : [];
  });
}

/** After a rebuild it has another name than the migration gave it. */
async function defaultOf(tx: Tx, parent: Parent): Promise<string> {
  const { name } = await oneRow<{ name: string }>(tx, 'select partdefid::regclass::text as name from pg_partitioned_table where partrelid = $1::regclass', [parent]);
  return name;
}

async function make(tx: Tx, parent: Parent, { name, fromId, toId }: PartitionRange): Promise<string> {
  const column = parents[parent];
  // Names of tables of an earlier rebuild are taken, so a name is not the range alone.
  const { table } = await oneRow<{ table: string }>(tx, `select $1 || '_' || $2 || '_' || to_hex(nextval('event_numbers')) as table`, [parent, name]);
  const strays = await defaultOf(tx, parent);
  await tx.query(`create table ${table} (like ${parent} including all)`);
  await tx.query(`with strays as (delete from ${strays} where ${column} >= '${fromId}' and ${column} < '${toId}' returning *) insert into ${table} select * from strays`);
  await tx.query(`alter table ${parent} attach partition ${table} for values from ('${fromId}') to ('${toId}')`);
  return table;
}
