import { Body, Controller, Inject } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { auditRoutes, type ProjectionStatus, type Rebuild } from '@customhouse/http-contract/audit';
import type { BodyOf } from '@customhouse/http-contract/route';
import { partitionKey, type EventLog } from '@customhouse/event-log/port';
import { loadPositions } from '@customhouse/event-store/lease';
import { oneRow } from '@customhouse/event-store/sql';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { dataSourceOf, EVENT_LOG } from '@customhouse/nest/tokens';
import { completeUntil } from './completeness.js';
import { InstallationOnly } from './installation-only.js';
import { ledgerGroup, ledgerTopics } from './ledger.consumer.js';
import { lastRebuild, Rebuilder } from './rebuild.js';

@Controller()
export class ProjectionsController {
  constructor(
    @Inject(dataSourceOf('audit')) private readonly dataSource: DataSource,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(Rebuilder) private readonly rebuilder: Rebuilder,
    @Inject(InstallationOnly) private readonly installation: InstallationOnly,
  ) {}

  @Handle(auditRoutes.projections)
  async status(@Caller() caller: CallerIdentity): Promise<ProjectionStatus> {
    this.installation.demand(caller);
    const { manager } = this.dataSource;
    const ends = await this.log.ends(ledgerTopics);
    const positions = (await loadPositions(manager, ledgerGroup)).map(({ topic, partition, offset }) => ({
      topic,
      partition,
      next: offset,
      behind: Math.max(0, (ends.get(partitionKey(topic, partition)) ?? 0) - offset),
    }));
    const counts = await oneRow<{ dead: string; anomalies: string }>(
      manager,
      'select (select count(*) from dead_letters where group_name = $1) as dead, (select count(*) from anomalies) as anomalies',
      [ledgerGroup],
    );
    return {
      complete_until: await completeUntil(manager),
      positions: positions.sort((one, other) => (one.topic < other.topic ? -1 : one.topic > other.topic ? 1 : one.partition - other.partition)),
      dead_letters: Number(counts.dead),
      anomalies: Number(counts.anomalies),
      rebuild: await lastRebuild(manager),
    };
  }

  @Handle(auditRoutes.rebuild)
  rebuild(@Body({ schema: auditRoutes.rebuild.body }) { source }: BodyOf<typeof auditRoutes.rebuild>, @Caller() caller: CallerIdentity): Promise<Rebuild> {
    this.installation.demand(caller);
    return this.rebuilder.begin(source);
  }
}
