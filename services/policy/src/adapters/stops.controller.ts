import { Body, Controller, Inject, Query, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { policyRoutes, type PolicyStop } from '@customhouse/http-contract/policy';
import { invalidRequest, notFound } from '@customhouse/http-contract/problem';
import type { BodyOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { inTransaction } from '@customhouse/event-store/transaction';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import { stopTarget } from '@customhouse/policy-contract/stops';
import { LiftRefused, type Command } from '../domain/stop.js';
import { PolicyMetrics } from './metrics.js';
import { countStops, findStop, findStops, toStopView } from './stops-view.js';
import { Stops } from './stops.js';

/** The kill switch: what is stopped, in spite of every rule. */
@Controller()
export class StopsController implements OnApplicationBootstrap {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Stops) private readonly stops: Stops,
    @Inject(PolicyMetrics) private readonly metrics: PolicyMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.metrics.stopped(await countStops(this.dataSource));
  }

  @Handle(policyRoutes.stops)
  async list(@Query({ schema: policyRoutes.stops.query }) { limit, cursor }: QueryOf<typeof policyRoutes.stops>): Promise<ResponseOf<typeof policyRoutes.stops>> {
    const rows = await findStops(this.dataSource, { limit, before: cursor === undefined ? undefined : readCursor(cursor) });
    const items = rows.slice(0, limit);
    return { items: items.map(toStopView), next: rows.length > limit ? items.at(-1)!.number : null };
  }

  @Handle(policyRoutes.stop)
  async order(@Body({ schema: policyRoutes.stop.body }) body: BodyOf<typeof policyRoutes.stop>, @Caller() caller: CallerIdentity): Promise<PolicyStop> {
    const target = await this.act('order', body, caller);
    const row = await findStop(this.dataSource, target);
    if (!row) throw new ProblemError(notFound, `the stop of ${target.kind} "${target.name}" was lifted at the same moment`);
    return toStopView(row);
  }

  @Handle(policyRoutes.lift)
  async lift(@Body({ schema: policyRoutes.lift.body }) body: BodyOf<typeof policyRoutes.lift>, @Caller() caller: CallerIdentity): Promise<void> {
    await this.act('lift', body, caller);
  }

  private async act(what: Command['do'], { kind, name, reason }: BodyOf<typeof policyRoutes.stop>, { person: by }: CallerIdentity): Promise<Command['target']> {
    const target = stopTarget(kind, name);
    try {
      // Ordering twice is ordering once; a lift that may have happened is not tried again, because it would say that there was no stop.
      const changed = await inTransaction(this.dataSource, (tx) => this.stops.act(tx, { do: what, target, reason, by }), { repeatable: what === 'order' });
      if (changed) this.logger.warn({ ...target, reason, by }, what === 'order' ? 'a stop was ordered' : 'a stop was lifted');
    } catch (error) {
      if (error instanceof LiftRefused) throw new ProblemError(notFound, error.message, undefined, { cause: error });
      throw error;
    }
    this.metrics.stopped(await countStops(this.dataSource));
    return target;
  }
}

function readCursor(cursor: string): string {
  if (/^[1-9][0-9]{0,17}$/.test(cursor)) return cursor;
  throw new ProblemError(invalidRequest, '/query/cursor: is not one that this list gave out', [{ pointer: '/query/cursor', message: 'is not one that this list gave out' }]);
}
