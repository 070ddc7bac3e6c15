import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Transport } from '@customhouse/events/registry/events';
import { notFound } from '@customhouse/http-contract/problem';
import { registryRoutes, stdioNotAllowed, type ServerView } from '@customhouse/http-contract/registry';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import type { Tx } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { REGISTRY_SETTINGS, type RegistrySettings } from '../config.js';
import { countOffers, findServers, serverEntity, toServerView } from './catalog-view.js';
import { makeCursor, readCursor } from './cursor.js';
import { Discovery } from './discovery.js';
import { saying } from './refusals.js';
import { Servers } from './servers.js';

type Routes = typeof registryRoutes;

@Controller()
export class ServersController {
  constructor(
    @Inject(dataSourceOf('registry')) private readonly dataSource: DataSource,
    @Inject(REGISTRY_SETTINGS) private readonly settings: RegistrySettings,
    @Inject(Servers) private readonly servers: Servers,
    @Inject(Discovery) private readonly discovery: Discovery,
  ) {}

  @Handle(registryRoutes.servers)
  async list(@Query({ schema: registryRoutes.servers.query }) { limit, cursor }: QueryOf<Routes['servers']>): Promise<ResponseOf<Routes['servers']>> {
    const rows = await findServers(this.dataSource, { limit, after: cursor === undefined ? undefined : readCursor(cursor, 1)[0] });
    const page = rows.slice(0, limit);
    const counts = await countOffers(
      this.dataSource,
      page.map((row) => row.name),
    );
    return { items: page.map((row) => toServerView(row, counts.get(row.name))), next: rows.length > limit ? makeCursor(page.at(-1)!.name) : null };
  }

  @Handle(registryRoutes.server)
  show(@Param({ schema: registryRoutes.server.params }) { name }: ParamsOf<Routes['server']>): Promise<ServerView> {
    return this.view(name);
  }

  @Handle(registryRoutes.register)
  async register(
    @Body({ schema: registryRoutes.register.body }) { name, transport, enabled }: BodyOf<Routes['register']>,
    @Caller() { person }: CallerIdentity,
  ): Promise<ServerView> {
    this.mustBeAllowed(transport);
    await this.act((tx) => this.servers.register(tx, name, { transport, enabled, by: person }));
    this.discovery.wake();
    return this.view(name);
  }

  @Handle(registryRoutes.change)
  async change(
    @Param({ schema: registryRoutes.change.params }) { name }: ParamsOf<Routes['change']>,
    @Body({ schema: registryRoutes.change.body }) { transport, enabled }: BodyOf<Routes['change']>,
    @Caller() { person }: CallerIdentity,
  ): Promise<ServerView> {
    if (transport) this.mustBeAllowed(transport);
    await this.act((tx) => this.servers.change(tx, name, { transport, enabled, by: person }));
    this.discovery.wake();
    return this.view(name);
  }

  @Handle(registryRoutes.remove)
  async remove(@Param({ schema: registryRoutes.remove.params }) { name }: ParamsOf<Routes['remove']>, @Caller() { person }: CallerIdentity): Promise<void> {
    await this.act((tx) => this.servers.remove(tx, name, person));
    this.discovery.wake();
  }

  @Handle(registryRoutes.discover)
  async discover(@Param({ schema: registryRoutes.discover.params }) { name }: ParamsOf<Routes['discover']>): Promise<ServerView> {
    await this.view(name);
    await this.discovery.now(name);
    return this.view(name);
  }

  private mustBeAllowed(transport: Transport): void {
    if (transport.kind === 'stdio' && !this.settings.stdio)
      throw new ProblemError(stdioNotAllowed, `"${transport.command}" would be run where the gateway runs, and CUSTOMHOUSE_REGISTRY_STDIO is not true`);
  }

  private act(work: (tx: Tx) => Promise<void>): Promise<void> {
    return saying(inTransaction(this.dataSource, work));
  }

  private async view(name: string): Promise<ServerView> {
    const row = await this.dataSource.getRepository(serverEntity).findOneBy({ name });
    if (!row) throw new ProblemError(notFound, `there is no server "${name}"`);
    return toServerView(row, (await countOffers(this.dataSource, [name])).get(name));
  }
}
