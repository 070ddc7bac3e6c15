import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { notFound } from '@customhouse/http-contract/problem';
import { registryRoutes, type ToolsetView } from '@customhouse/http-contract/registry';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { inTransaction } from '@customhouse/event-store/transaction';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { makeCursor, readCursor } from './cursor.js';
import { Toolsets } from './toolsets.js';
import { findToolsets, toolsetEntity, toToolsetView } from './toolsets-view.js';

type Routes = typeof registryRoutes;

@Controller()
export class ToolsetsController {
  constructor(
    @Inject(dataSourceOf('registry')) private readonly dataSource: DataSource,
    @Inject(Toolsets) private readonly toolsets: Toolsets,
  ) {}

  @Handle(registryRoutes.toolsets)
  async list(@Query({ schema: registryRoutes.toolsets.query }) { limit, cursor }: QueryOf<Routes['toolsets']>): Promise<ResponseOf<Routes['toolsets']>> {
    const rows = await findToolsets(this.dataSource, { limit, after: cursor === undefined ? undefined : readCursor(cursor, 1)[0] });
    const page = rows.slice(0, limit);
    return { items: page.map(toToolsetView), next: rows.length > limit ? makeCursor(page.at(-1)!.name) : null };
  }

  @Handle(registryRoutes.toolset)
  show(@Param({ schema: registryRoutes.toolset.params }) { name }: ParamsOf<Routes['toolset']>): Promise<ToolsetView> {
    return this.view(name);
  }

  @Handle(registryRoutes.defineToolset)
  async define(
    @Param({ schema: registryRoutes.defineToolset.params }) { name }: ParamsOf<Routes['defineToolset']>,
    @Body({ schema: registryRoutes.defineToolset.body }) { description, tools, prompts, resources, search }: BodyOf<Routes['defineToolset']>,
    @Caller() { person }: CallerIdentity,
  ): Promise<ToolsetView> {
    await inTransaction(this.dataSource, (tx) => this.toolsets.define(tx, { name, description, tools, prompts, resources, search }, person), { repeatable: true });
    return this.view(name);
  }

  @Handle(registryRoutes.removeToolset)
  async remove(@Param({ schema: registryRoutes.removeToolset.params }) { name }: ParamsOf<Routes['removeToolset']>, @Caller() { person }: CallerIdentity): Promise<void> {
    const found = await inTransaction(this.dataSource, (tx) => this.toolsets.remove(tx, name, person));
    if (!found) throw missing(name);
  }

  private async view(name: string): Promise<ToolsetView> {
    const row = await this.dataSource.getRepository(toolsetEntity).findOneBy({ name });
    if (!row) throw missing(name);
    return toToolsetView(row);
  }
}

function missing(name: string): ProblemError {
  return new ProblemError(notFound, `there is no toolset "${name}"`);
}
