import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { isRequestId } from '@customhouse/mcp-wire/json-rpc';
import { LOGGER } from '@customhouse/nest/tokens';
import { EraMemory } from '@customhouse/upstream/era-memory';
import { HttpClient } from '@customhouse/upstream/http-client';
import { openUpstream } from '@customhouse/upstream/open-upstream';
import { stdioOptions } from '@customhouse/upstream/stdio-settings';
import type { Upstream, UpstreamAnswer } from '@customhouse/upstream/upstream';
import { REGISTRY_SETTINGS, type RegistrySettings } from '../config.js';
import type { ServerRow } from './catalog-view.js';

interface Connection {
  readonly generation: number;
  readonly upstream: Upstream;
}

/** Some servers have more to show to a client that can be asked things, and clients of the gateway may be such ones. */
const capabilities = { elicitation: { form: {}, url: {} }, roots: { listChanged: true }, sampling: { tools: {} } };

/** There is nobody behind the registry who could answer. */
const answers: Readonly<Record<string, UpstreamAnswer>> = { 'roots/list': { result: { roots: [] } }, 'elicitation/create': { result: { action: 'cancel' } } };

const nobody: UpstreamAnswer = { error: { code: -32601, message: 'the registry of a gateway asks for lists, and answers nothing' } };

const listChanged: ReadonlySet<string> = new Set(['tools', 'prompts', 'resources'].map((list) => `notifications/${list}/list_changed`));

/** One standing connection to each server that was reached, so that it can say when its lists change. */
@Injectable()
export class Connections implements OnModuleDestroy {
  private readonly http: HttpClient;
  private readonly eras = new EraMemory();
  private readonly open = new Map<string, Connection>();

  constructor(
    @Inject(REGISTRY_SETTINGS) private readonly settings: RegistrySettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.http = new HttpClient({ connections: 8, allowed_addresses: settings.allowedAddresses, connect_timeout_ms: settings.connectTimeout_ms });
  }

  /** The present connection to this configuration of the server, or a new one. Rejects with UpstreamFailed. */
  async to(server: Pick<ServerRow, 'name' | 'generation' | 'transport'>, onChanged: () => void, signal: AbortSignal): Promise<Upstream> {
    const { name, generation, transport } = server;
    const present = this.open.get(name);
    if (present?.generation === generation) return present.upstream;
    await this.drop(name);
    const upstream = await openUpstream(transport, {
      clientInfo: { name: 'customhouse-registry', version: '0.1.0' },
      capabilities,
      http: this.http,
      eras: this.eras,
      ...stdioOptions(this.settings),
      open_timeout_ms: this.settings.connectTimeout_ms,
      max_message_bytes: this.settings.pageBytes,
      signal,
      logger: this.logger.child({ server: name }),
    });
    const connection = { generation, upstream };
    this.open.set(name, connection);
    upstream.onMessage((message) => {
      const { id, method } = message;
      if (isRequestId(id)) void upstream.respond(id, answers[String(method)] ?? nobody).catch(() => undefined);
      else if (listChanged.has(String(method))) onChanged();
    });
    void upstream.closed.then(() => {
      if (this.open.get(name) === connection) this.open.delete(name);
    });
    return upstream;
  }

  async drop(name: string): Promise<void> {
    const connection = this.open.get(name);
    this.open.delete(name);
    await connection?.upstream.close();
  }

  /** Servers that a connection is open to. */
  names(): string[] {
    return [...this.open.keys()];
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.names().map((name) => this.drop(name)));
    await this.http.close();
  }
}
