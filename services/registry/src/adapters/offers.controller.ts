import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { ListKind } from '@customhouse/events/registry/events';
import { notFound } from '@customhouse/http-contract/problem';
import { registryRoutes, type PromptView, type ToolView } from '@customhouse/http-contract/registry';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { inTransaction } from '@customhouse/event-store/transaction';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import type { ReviewedKind } from '../domain/offers.js';
import { findOffers, offerEntity, toPromptView, toResourceView, toTemplateView, toToolView, type OfferFilter, type OfferRow } from './catalog-view.js';
import { makeCursor, readCursor } from './cursor.js';
import { saying } from './refusals.js';
import { Servers } from './servers.js';

type Routes = typeof registryRoutes;
type Paged = OfferFilter & { readonly limit: number; readonly cursor?: string | undefined };

const words: Readonly<Record<ReviewedKind, string>> = { tools: 'tool', prompts: 'prompt' };

/** What servers offer: tools and prompts, which are reviewed, and resources and templates, which are not. */
@Controller()
export class OffersController {
  constructor(
    @Inject(dataSourceOf('registry')) private readonly dataSource: DataSource,
    @Inject(Servers) private readonly servers: Servers,
  ) {}

  @Handle(registryRoutes.tools)
  tools(@Query({ schema: registryRoutes.tools.query }) query: QueryOf<Routes['tools']>): Promise<ResponseOf<Routes['tools']>> {
    return this.page('tools', query, toToolView);
  }

  @Handle(registryRoutes.tool)
  async tool(@Param({ schema: registryRoutes.tool.params }) { server, tool }: ParamsOf<Routes['tool']>): Promise<ToolView> {
    return toToolView(await this.find('tools', server, tool));
  }

  @Handle(registryRoutes.accept)
  async accept(
    @Param({ schema: registryRoutes.accept.params }) { server, tool }: ParamsOf<Routes['accept']>,
    @Body({ schema: registryRoutes.accept.body }) { digest, labels }: BodyOf<Routes['accept']>,
    @Caller() { person }: CallerIdentity,
  ): Promise<ToolView> {
    const row = await this.find('tools', server, tool);
    await saying(inTransaction(this.dataSource, (tx) => this.servers.accept(tx, server, { kind: 'tools', name: tool, digest, labels: labels ?? row.labels, by: person })));
    return toToolView(await this.find('tools', server, tool));
  }

  @Handle(registryRoutes.prompts)
  prompts(@Query({ schema: registryRoutes.prompts.query }) query: QueryOf<Routes['prompts']>): Promise<ResponseOf<Routes['prompts']>> {
    return this.page('prompts', query, toPromptView);
  }

  @Handle(registryRoutes.prompt)
  async prompt(@Param({ schema: registryRoutes.prompt.params }) { server, prompt }: ParamsOf<Routes['prompt']>): Promise<PromptView> {
    return toPromptView(await this.find('prompts', server, prompt));
  }

  @Handle(registryRoutes.acceptPrompt)
  async acceptPrompt(
    @Param({ schema: registryRoutes.acceptPrompt.params }) { server, prompt }: ParamsOf<Routes['acceptPrompt']>,
    @Body({ schema: registryRoutes.acceptPrompt.body }) { digest }: BodyOf<Routes['acceptPrompt']>,
    @Caller() { person }: CallerIdentity,
  ): Promise<PromptView> {
    await this.find('prompts', server, prompt);
    await saying(inTransaction(this.dataSource, (tx) => this.servers.accept(tx, server, { kind: 'prompts', name: prompt, digest, labels: [], by: person })));
    return toPromptView(await this.find('prompts', server, prompt));
  }

  @Handle(registryRoutes.resources)
  resources(@Query({ schema: registryRoutes.resources.query }) query: QueryOf<Routes['resources']>): Promise<ResponseOf<Routes['resources']>> {
    return this.page('resources', query, toResourceView);
  }

  @Handle(registryRoutes.templates)
  templates(@Query({ schema: registryRoutes.templates.query }) query: QueryOf<Routes['templates']>): Promise<ResponseOf<Routes['templates']>> {
    return this.page('templates', query, toTemplateView);
  }

  private async page<View>(kind: ListKind, { limit, cursor, ...filter }: Paged, view: (row: OfferRow) => View): Promise<{ items: View[]; next: string | null }> {
    const after = cursor === undefined ? undefined : readCursor(cursor, 2);
    const rows = await findOffers(this.dataSource, kind, filter, { limit, after: after && [after[0]!, after[1]!] });
    const page = rows.slice(0, limit);
    return { items: page.map(view), next: rows.length > limit ? makeCursor(page.at(-1)!.server, page.at(-1)!.name) : null };
  }

  private async find(kind: ReviewedKind, server: string, name: string): Promise<OfferRow> {
    const row = await this.dataSource.getRepository(offerEntity).findOneBy({ server, kind, name });
    if (!row) throw new ProblemError(notFound, `the server "${server}" offers no ${words[kind]} "${name}"`);
    return row;
  }
}
