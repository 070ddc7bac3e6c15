import type { StreamableFile } from '@nestjs/common';
import { Controller, Inject, Param, Query } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { auditRoutes, type CallDetail, type Payload } from '@customhouse/http-contract/audit';
import { notFound } from '@customhouse/http-contract/problem';
import type { ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { Sealed } from '@customhouse/events/envelope';
import { rowsOf } from '@customhouse/event-store/sql';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, LOGGER, SEALER } from '@customhouse/nest/tokens';
import type { Sealer } from '@customhouse/sealing/sealer';
import { AUDIT_SETTINGS, type AuditSettings } from '../config.js';
import { completeUntil } from './completeness.js';
import { makeCursor, readCursor } from './cursor.js';
import { eventById, eventsOfCall, summarise } from './event-queries.js';
import { InstallationOnly } from './installation-only.js';
import { showPayload } from './payloads.js';
import { exportedCalls, findCall, searchCalls, toSummary } from './search.js';
import { Streaming } from './streaming.js';

@Controller()
export class CallsController {
  constructor(
    @Inject(dataSourceOf('audit')) private readonly dataSource: DataSource,
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Inject(Streaming) private readonly streaming: Streaming,
    @Inject(InstallationOnly) private readonly installation: InstallationOnly,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handle(auditRoutes.search)
  async search(
    @Query({ schema: auditRoutes.search.query }) { limit, cursor, ...filter }: QueryOf<typeof auditRoutes.search>,
    @Caller() { tenant }: CallerIdentity,
  ): Promise<ResponseOf<typeof auditRoutes.search>> {
    const before = cursor === undefined ? undefined : readCursor(filter, cursor);
    // Before the rows, so that it never promises more than they show.
    const complete_until = await completeUntil(this.dataSource.manager);
    const rows = await searchCalls(this.dataSource.manager, { ...filter, tenant }, { limit: limit + 1, before });
    const items = rows.slice(0, limit);
    return { items: items.map(toSummary), next: rows.length > limit ? makeCursor(filter, items.at(-1)!.call) : null, complete_until };
  }

  @Handle(auditRoutes.exportCalls)
  exportCalls(@Query({ schema: auditRoutes.exportCalls.query }) filter: QueryOf<typeof auditRoutes.exportCalls>, @Caller() { tenant }: CallerIdentity): StreamableFile {
    const rows = exportedCalls(this.dataSource.manager, { ...filter, tenant }, this.settings.exportPage_count);
    return this.streaming.jsonLines(rows, toSummary);
  }

  @Handle(auditRoutes.anomalies)
  async anomalies(
    @Query({ schema: auditRoutes.anomalies.query }) { limit, cursor }: QueryOf<typeof auditRoutes.anomalies>,
    @Caller() caller: CallerIdentity,
  ): Promise<ResponseOf<typeof auditRoutes.anomalies>> {
    this.installation.demand(caller);
    const before = cursor === undefined ? null : readCursor({}, cursor);
    const rows = await rowsOf<AnomalyRow>(this.dataSource.manager, 'select * from anomalies where $1::text is null or id < $1 order by id desc limit $2', [before, limit + 1]);
    const items = rows.slice(0, limit).map((row) => ({
      id: row.id,
      call: row.call,
      kind: row.kind,
      type: row.wire_type,
      time: row.event_time,
      position: { topic: row.topic, partition: row.partition, offset: Number(row.log_offset) },
    }));
    return { items, next: rows.length > limit ? makeCursor({}, items.at(-1)!.id) : null };
  }

  @Handle(auditRoutes.show)
  async show(@Param({ schema: auditRoutes.show.params }) { call }: ParamsOf<typeof auditRoutes.show>, @Caller() caller: CallerIdentity): Promise<CallDetail> {
    const { manager } = this.dataSource;
    const complete_until = await completeUntil(manager);
    const row = await findCall(manager, call, caller.tenant);
    if (!row) throw new ProblemError(notFound, `there is no call ${call}; the ledger is complete until ${complete_until ?? 'nothing yet'}`);
    const timeline = (await eventsOfCall(manager, call)).map(summarise);
    const mayOpen = caller.roles.includes('auditor');
    if (mayOpen) this.logger.info({ call, caller: { person: caller.person, agent: caller.agent } }, 'what a call carried was shown');
    return {
      ...toSummary(row),
      arguments: await this.payload(row.intent_event, 'arguments', mayOpen),
      result: await this.payload(row.end_event, 'result', mayOpen),
      timeline,
      complete_until,
    };
  }

  private async payload(event: string | null, member: 'arguments' | 'result', mayOpen: boolean): Promise<Payload | null> {
    if (event === null) return null;
    const found = await eventById(this.dataSource.manager, event);
    const sealed = Sealed.safeParse((found?.data as Record<string, unknown> | undefined)?.[member]);
    return sealed.success ? showPayload(sealed.data, this.sealer, mayOpen) : null;
  }
}

interface AnomalyRow {
  readonly id: string;
  readonly call: string;
  readonly kind: string;
  readonly wire_type: string;
  readonly event_time: string;
  readonly topic: string;
  readonly partition: number;
  readonly log_offset: string;
}
