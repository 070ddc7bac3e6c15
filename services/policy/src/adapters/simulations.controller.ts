import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { policyTrialRoutes, type PolicySimulation } from '@customhouse/http-contract/policy-trials';
import { invalidRequest, notFound } from '@customhouse/http-contract/problem';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { timestamp } from '@customhouse/kernel/time';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import { InstallationOnly } from './installation-only.js';
import { findSimulation, findSimulations } from './simulation-rows.js';
import { Simulations } from './simulations.js';

@Controller()
export class SimulationsController {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Simulations) private readonly simulations: Simulations,
    @Inject(InstallationOnly) private readonly installation: InstallationOnly,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handle(policyTrialRoutes.simulate)
  async begin(
    @Body({ schema: policyTrialRoutes.simulate.body }) { since, until, ...wanted }: BodyOf<typeof policyTrialRoutes.simulate>,
    @Caller() caller: CallerIdentity,
  ): Promise<PolicySimulation> {
    this.installation.demand(caller);
    const simulation = await this.simulations.begin({ ...wanted, since: since && timestamp(Date.parse(since)), until: until && timestamp(Date.parse(until)) }, caller.person);
    this.logger.info({ simulation: simulation.id, version: simulation.version, by: caller.person }, 'a simulation began');
    return simulation;
  }

  @Handle(policyTrialRoutes.simulations)
  async list(
    @Query({ schema: policyTrialRoutes.simulations.query }) { limit, cursor }: QueryOf<typeof policyTrialRoutes.simulations>,
    @Caller() caller: CallerIdentity,
  ): Promise<ResponseOf<typeof policyTrialRoutes.simulations>> {
    this.installation.demand(caller);
    const found = await findSimulations(this.dataSource.manager, { limit, before: cursor === undefined ? undefined : readCursor(cursor) });
    const items = found.slice(0, limit);
    return { items, next: found.length > limit ? items.at(-1)!.id : null };
  }

  @Handle(policyTrialRoutes.simulation)
  async show(
    @Param({ schema: policyTrialRoutes.simulation.params }) { id }: ParamsOf<typeof policyTrialRoutes.simulation>,
    @Caller() caller: CallerIdentity,
  ): Promise<PolicySimulation> {
    this.installation.demand(caller);
    const simulation = await findSimulation(this.dataSource.manager, id);
    if (!simulation) throw new ProblemError(notFound, `there is no simulation ${id}`);
    return simulation;
  }

  @Handle(policyTrialRoutes.cancelSimulation)
  async cancel(
    @Param({ schema: policyTrialRoutes.cancelSimulation.params }) { id }: ParamsOf<typeof policyTrialRoutes.cancelSimulation>,
    @Caller() caller: CallerIdentity,
  ): Promise<PolicySimulation> {
    this.installation.demand(caller);
    return this.simulations.cancel(id);
  }
}

function readCursor(cursor: string): string {
  if (/^[0-9A-HJKMNP-TV-Z]{26}$/.test(cursor)) return cursor;
  throw new ProblemError(invalidRequest, '/query/cursor: is not one that this list gave out', [{ pointer: '/query/cursor', message: 'is not one that this list gave out' }]);
}
