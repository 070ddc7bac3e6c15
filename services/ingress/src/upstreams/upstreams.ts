import type { Server } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { tasksExtension } from '@customhouse/mcp-wire/envelope';
import { EraMemory } from '@customhouse/upstream/era-memory';
import { openUpstream } from '@customhouse/upstream/open-upstream';
import { HttpClient } from '@customhouse/upstream/http-client';
import { withFields, type UpstreamLogger } from '@customhouse/upstream/logger';
import { stdioOptions } from '@customhouse/upstream/stdio-settings';
import { UpstreamFailed, type Upstream, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { IngressSettings } from '../config.js';
import type { Errand } from './errand.js';
import type { OnNotice } from './line.js';
import { ServerLane, type Wanted } from './server-lane.js';

const clientInfo = { name: 'customhouse', version: '0.1.0' };

/** All servers of this process, each in a lane of its own. */
export class Upstreams {
  readonly #lanes = new Map<string, ServerLane>();
  readonly #retired = new Set<ServerLane>();
  readonly #http: HttpClient;
  /** What servers speak with clients of each era. */
  readonly #eras = { modern: new EraMemory(), legacy: new EraMemory('legacy') };

  constructor(
    private readonly settings: IngressSettings,
    private readonly logger: UpstreamLogger,
    private readonly noticeOf: (server: string) => OnNotice,
  ) {
    this.#http = new HttpClient({ connections: settings.serverCalls, allowed_addresses: settings.allowedAddresses, connect_timeout_ms: settings.connectTimeout_ms });
  }

  /** Rejects with UpstreamFailed and nothing else. */
  call(server: Server, errand: Errand): Promise<UpstreamAnswer> {
    if (!server.enabled) return Promise.reject(new UpstreamFailed('unreachable', 'no', `the server "${server.name}" is switched off`));
    return this.#lane(server).call(errand);
  }

  /** Tells the servers that this principal uses something of its clients, for example that their roots changed. */
  notify(who: string, method: string, params: JsonObject | undefined): void {
    for (const lane of this.#lanes.values()) lane.notify(who, method, params);
  }

  /** The session of a client ended: nothing is for it any more. */
  forget(session: string): void {
    for (const lane of this.#lanes.values()) lane.forget(session);
  }

  lanes(): Iterable<ServerLane> {
    return this.#lanes.values();
  }

  /** To be called about once a second. */
  sweep(now: number): void {
    for (const lane of this.#lanes.values()) lane.sweep(now);
    for (const lane of this.#retired) {
      lane.sweep(now);
      if (lane.done) this.#retired.delete(lane);
    }
  }

  /** A server that is gone or changed takes its connections along, even if nobody calls it again. */
  reconcile(present: (name: string) => Server | undefined): void {
    for (const [name, lane] of this.#lanes) {
      const server = present(name);
      if (server === undefined || !server.enabled || server.generation !== lane.server.generation) this.#retire(name, lane);
    }
  }

  async close(): Promise<void> {
    const lanes = [...this.#lanes.values(), ...this.#retired];
    this.#lanes.clear();
    this.#retired.clear();
    await Promise.all(lanes.map((lane) => lane.close()));
    await this.#http.close();
  }

  #lane(server: Server): ServerLane {
    let lane = this.#lanes.get(server.name);
    if (lane !== undefined && lane.server.generation !== server.generation) {
      this.#retire(server.name, lane);
      lane = undefined;
    }
    if (lane === undefined) {
      lane = new ServerLane(server, (to, wanted, signal) => this.#open(to, wanted, signal), this.settings, this.noticeOf(server.name));
      this.#lanes.set(server.name, lane);
    }
    return lane;
  }

  #retire(name: string, lane: ServerLane): void {
    this.#lanes.delete(name);
    this.#retired.add(lane);
    lane.retire();
  }

  #open(server: Server, { profile: { capabilities }, era }: Wanted, signal: AbortSignal): Promise<Upstream> {
    return openUpstream(server.transport, {
      clientInfo,
      capabilities,
      // The gateway follows tasks of servers itself, whether its client knows them or not.
      extensions: { [tasksExtension]: {} },
      http: this.#http,
      eras: this.#eras[era ?? 'modern'],
      ...stdioOptions(this.settings),
      open_timeout_ms: this.settings.connectTimeout_ms,
      max_message_bytes: this.settings.resultBytes,
      logger: withFields(this.logger, { server: server.name }),
      signal,
    });
  }
}
