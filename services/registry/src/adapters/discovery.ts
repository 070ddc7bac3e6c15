import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { backoff } from '@customhouse/event-store/failures';
import { rowsOf } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import type { Health } from '@customhouse/nest/health';
import { dataSourceOf, HEALTH, LOGGER } from '@customhouse/nest/tokens';
import { UpstreamFailed, type Upstream } from '@customhouse/upstream/upstream';
import type { ListKind } from '@customhouse/events/registry/events';
import { isJsonObject } from '@customhouse/mcp-wire/json-rpc';
import { REGISTRY_SETTINGS, type RegistrySettings } from '../config.js';
import { listKinds } from '../domain/offers.js';
import type { Found } from '../domain/server.js';
import { infoOf, type ServerRow } from './catalog-view.js';
import { Connections } from './connections.js';
import { RegistryMetrics } from './metrics.js';
import { Servers } from './servers.js';
import { ListingRefused, readListings, type Listing } from './listing.js';

type Due = Pick<ServerRow, 'name' | 'generation' | 'transport'>;

/** How often the table is looked at for servers that are due. */
const tick_ms = 250;

/**
 * Asks servers for what they offer: when they are added or changed, when they say that a list changed, and from time to time.
 * A server that is slow or lies costs only its own discovery, and a bad list only that list; how many are looked at together is limited. Replicas share the work:
 * whoever takes a server moves its time on first.
 */
@Injectable()
export class Discovery implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly under = new Map<string, Promise<void>>();
  /** Discoveries in a row that found something changed, by server. */
  private readonly restless = new Map<string, number>();
  private running: Promise<void> | undefined;
  private trouble: string | undefined;
  private wakeUp: () => void = () => undefined;

  constructor(
    @Inject(dataSourceOf('registry')) private readonly dataSource: DataSource,
    @Inject(REGISTRY_SETTINGS) private readonly settings: RegistrySettings,
    @Inject(Servers) private readonly servers: Servers,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(RegistryMetrics) private readonly metrics: RegistryMetrics,
    @Inject(HEALTH) health: Health,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    health.add('registry-discovery', () => {
      if (this.trouble !== undefined) throw new Error(this.trouble);
    });
  }

  onApplicationBootstrap(): void {
    this.running ??= this.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    this.wakeUp();
    await this.running;
    await Promise.allSettled(this.under.values());
  }

  /** Looks for servers that are due at once. */
  wake(): void {
    this.wakeUp();
  }

  /** Discovers one server now, after what is under way for it. Resolves when its outcome is recorded; rejects when it could not be. */
  async now(name: string): Promise<void> {
    await this.under.get(name)?.catch(() => undefined);
    const [server] = await rowsOf<Due>(this.dataSource.manager, 'select name, generation, transport from servers where name = $1', [name]);
    if (server) await this.begin(server);
  }

  private begin(server: Due): Promise<void> {
    const found = this.under.get(server.name);
    if (found) return found;
    const discovery = this.discover(server).finally(() => this.under.delete(server.name));
    this.under.set(server.name, discovery);
    return discovery;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      let pause_ms = tick_ms;
      try {
        for (const server of await this.takeDue()) void this.begin(server).catch((error: unknown) => this.report(error));
        await this.dropUnused();
        failures = 0;
        this.trouble = undefined;
      } catch (error) {
        failures += 1;
        this.report(error);
        pause_ms = backoff(failures, tick_ms, 5_000);
      }
      await Promise.race([sleep(pause_ms, undefined, { signal: this.stopping.signal }).catch(() => undefined), new Promise<void>((resolve) => (this.wakeUp = resolve))]);
    }
  }

  private report(error: unknown): void {
    this.trouble = error instanceof Error ? error.message : String(error);
    this.logger.error({ error }, 'what servers offer cannot be recorded; trying again');
  }

  /** Their next time is far enough off that nobody else takes them meanwhile. */
  private async takeDue(): Promise<Due[]> {
    const free = this.settings.concurrency - this.under.size;
    if (free <= 0) return [];
    const lease_ms = this.settings.connectTimeout_ms + this.settings.listTimeout_ms * 4;
    return rowsOf<Due>(
      this.dataSource.manager,
      `update servers set due = clock_timestamp() + make_interval(secs => $1) where name in
        (select name from servers where enabled and due <= clock_timestamp() order by due limit $2 for update skip locked)
       returning name, generation, transport`,
      [lease_ms / 1000, free],
    );
  }

  /** Nobody needs a connection to a server that was removed or switched off. */
  private async dropUnused(): Promise<void> {
    const open = this.connections.names().filter((name) => !this.under.has(name));
    if (open.length === 0) return;
    const kept = await rowsOf<{ name: string }>(this.dataSource.manager, 'select name from servers where enabled and name = any($1::text[])', [open]);
    const names = new Set(kept.map((row) => row.name));
    for (const name of open) if (!names.has(name)) this.restless.delete(name);
    await Promise.all(open.filter((name) => !names.has(name)).map((name) => this.connections.drop(name)));
  }

  private async discover(server: Due): Promise<void> {
    const { name, generation } = server;
    const started = performance.now();
    let result: 'reached' | 'lost' = 'reached';
    try {
      const upstream = await this.connections.to(server, () => void this.makeDue(name), this.stopping.signal);
      const found = this.believed(name, upstream, await readListings(upstream, listKinds, this.settings, this.stopping.signal));
      const discovered = upstream.initialized;
      if (await this.servers.isAsKnown(this.dataSource.manager, name, JSON.stringify(discovered), found)) {
        this.restless.delete(name);
      } else {
        this.restless.set(name, (this.restless.get(name) ?? 0) + 1);
        const info = infoOf(discovered) ?? { name: '', version: '' };
        await inTransaction(
          this.dataSource,
          (tx) => this.servers.reach(tx, name, generation, { discovered, info, protocol: upstream.protocol, found, accept: this.settings.accept }),
          {
            repeatable: true,
          },
        );
      }
      await this.next(name, this.settings.discovery_ms * this.patience(name));
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      if (!(error instanceof UpstreamFailed || error instanceof ListingRefused)) throw error;
      result = 'lost';
      this.logger.warn({ server: name, reason: error.message }, 'a server was not reached');
      await this.connections.drop(name);
      await inTransaction(this.dataSource, (tx) => this.servers.lose(tx, name, error.message.slice(0, 500)), { repeatable: true });
      await this.next(name, this.settings.retry_ms);
    }
    this.metrics.discovered(result, performance.now() - started);
  }

  /** What each list is taken for. Throws why when there is none that the server can be served with. */
  private believed(server: string, { initialized }: Upstream, lists: Record<ListKind, Listing | ListingRefused | UpstreamFailed>): Record<ListKind, Found> {
    const failed: Error[] = [];
    const found = Object.entries(lists).map(([kind, list]): [string, Found] => {
      if (list instanceof Error) {
        this.logger.warn({ server, list: kind, reason: list.message }, 'a list of a server could not be had');
        failed.push(list);
        return [kind, { lost: list.message.slice(0, 500) }];
      }
      if (list.omitted.length > 0) this.logger.warn({ server, list: kind, omitted: list.omitted }, 'items of a list were left out');
      return [kind, { offers: list.offers }];
    });
    const { capabilities } = initialized;
    const declared = listKinds.filter((kind) => isJsonObject(capabilities) && capabilities[kind === 'templates' ? 'resources' : kind] !== undefined);
    const [first] = failed;
    if (first !== undefined && failed.length === declared.length) throw first;
    return Object.fromEntries(found) as Record<ListKind, Found>;
  }

  private async next(name: string, after_ms: number): Promise<void> {
    await this.dataSource.query('update servers set looked = clock_timestamp(), due = clock_timestamp() + make_interval(secs => $2) where name = $1', [name, after_ms / 1000]);
  }

  /** A few changes in a row are a release. After that, each one doubles the time until the next look, up to 64 times. */
  private patience(name: string): number {
    return 2 ** Math.min(6, Math.max(0, (this.restless.get(name) ?? 0) - 3));
  }

  private async makeDue(name: string): Promise<void> {
    try {
      await this.under.get(name)?.catch(() => undefined);
      await this.dataSource.query('update servers set due = least(due, greatest(clock_timestamp(), looked + make_interval(secs => $2))) where name = $1', [
        name,
        (this.settings.changedPause_ms * this.patience(name)) / 1000,
      ]);
      this.wake();
    } catch (error) {
      this.report(error);
    }
  }
}
