import { Controller, Header, Headers, Inject, Query, type StreamableFile } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { auditRoutes } from '@customhouse/http-contract/audit';
import type { QueryOf } from '@customhouse/http-contract/route';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { AUDIT_SETTINGS, type AuditSettings } from '../config.js';
import { eventsAfter, exportEvent, type EventFilter } from './event-queries.js';
import type { EventRow } from './event-rows.js';
import { InstallationOnly } from './installation-only.js';
import { Streaming } from './streaming.js';
import { Tail } from './tail.js';

@Controller()
export class EventsController {
  constructor(
    @Inject(dataSourceOf('audit')) private readonly dataSource: DataSource,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Inject(Streaming) private readonly streaming: Streaming,
    @Inject(Tail) private readonly tail: Tail,
    @Inject(InstallationOnly) private readonly installation: InstallationOnly,
  ) {}

  @Handle(auditRoutes.exportEvents)
  exportEvents(
    @Query({ schema: auditRoutes.exportEvents.query }) { after, ...filter }: QueryOf<typeof auditRoutes.exportEvents>,
    @Caller() caller: CallerIdentity,
  ): StreamableFile {
    this.installation.demand(caller);
    return this.streaming.jsonLines(this.exported(after, filter), exportEvent);
  }

  @Handle(auditRoutes.tail)
  @Header('cache-control', 'no-store')
  @Header('x-accel-buffering', 'no')
  async follow(
    @Query({ schema: auditRoutes.tail.query }) { after, type }: QueryOf<typeof auditRoutes.tail>,
    @Headers('last-event-id') last: string | undefined,
    @Caller() caller: CallerIdentity,
  ): Promise<StreamableFile> {
    this.installation.demand(caller);
    // A client that comes back says itself where it was.
    const resumed = last !== undefined && /^\d{1,15}$/.test(last) ? Number(last) : after;
    return this.streaming.eventStream(this.tail.follow(resumed ?? (await this.tail.now()), { type }));
  }

  private async *exported(after: number, filter: EventFilter): AsyncGenerator<EventRow> {
    const limit = this.settings.exportPage_count;
    for (let last = after; ;) {
      const rows = await eventsAfter(this.dataSource.manager, last, filter, limit);
      yield* rows;
      if (rows.length < limit) return;
      last = Number(rows.at(-1)!.number);
    }
  }
}
