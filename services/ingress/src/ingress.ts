import type { Registry } from 'prom-client';
import type { Logger } from 'pino';
import type { EventLog } from '@customhouse/event-log/port';
import { followState, type StateChange, type StateFollower } from '@customhouse/event-log/state-follower';
import { JwtVerifier } from '@customhouse/identity/jwt-verifier';
import type { KeyDirectory } from '@customhouse/identity/key-directory';
import { hostName, isLoopbackName } from '@customhouse/mcp-wire/headers';
import { Subnets } from '@customhouse/policy-engine/subnets';
import { builtInModule } from '@customhouse/policies/built-in';
import type { Limit } from '@customhouse/policy-contract/rules';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { ThreadLimits } from '@customhouse/rego/module-threads';
import type { Sealer } from '@customhouse/sealing/sealer';
import type { IngressSettings } from './config.js';
import { externalPolicy } from './external-policy.js';
import { HeldRunner } from './holds/held-runner.js';
import { HoldDesk } from './holds/hold-desk.js';
import { detectorInspector } from './inspector.js';
import { IngressMetrics } from './metrics.js';
import { ActiveCalls } from './mcp/active-calls.js';
import { developmentCaller } from './mcp/caller.js';
import { ClientAsks } from './mcp/asks/client-asks.js';
import { Conversations } from './mcp/sessions/conversations.js';
import { LegacyEra } from './mcp/eras/legacy.js';
import { Listeners } from './mcp/eras/listeners.js';
import { ModernEra } from './mcp/eras/modern.js';
import { SseClients } from './mcp/eras/sse.js';
import { Failure } from './mcp/failure.js';
import { Lists } from './mcp/lists/lists.js';
import { Peers } from './mcp/sessions/peers.js';
import type { Parts } from './mcp/parts.js';
import { PauseWatch } from './mcp/pause-watch.js';
import { Recorder, type OutcomeSink } from './mcp/record.js';
import { McpServer } from './mcp/http/server.js';
import { noticesTo } from './mcp/sessions/notices.js';
import { ResultCache } from './mcp/answers/result-cache.js';
import { Resumptions } from './mcp/sessions/resumptions.js';
import { Rounds } from './mcp/asks/rounds.js';
import { Sessions } from './mcp/sessions/sessions.js';
import { StandingStreams } from './mcp/sessions/standing-streams.js';
import { Tasks } from './mcp/tasks/tasks.js';
import { Turns } from './mcp/turns.js';
import { UnfinishedBusiness } from './mcp/unfinished-business.js';
import { Catalog } from './state/catalog.js';
import { FollowedPolicy } from './state/followed-policy.js';
import { policyKeys } from './state/policy-keys.js';
import { CallFollower } from './state/call-follower.js';
import { History } from './state/history.js';
import { Stops } from './state/stops.js';
import { Upstreams } from './upstreams/upstreams.js';

/** What the ingress needs from the process that hosts it. */
export interface IngressHost {
  readonly settings: IngressSettings;
  readonly log: EventLog;
  readonly sink: OutcomeSink;
  readonly sealer: Sealer;
  readonly keys: KeyDirectory;
  readonly logger: Logger;
  readonly registry: Registry;
  /** The development profile is asked for. It counts on loopback only. */
  readonly development: boolean;
  readonly tenant: string;
}

const topics = { catalog: 'customhouse.state.catalog', policy: 'customhouse.state.policy', approvals: 'customhouse.state.approvals' };
const tick_ms = 1_000;
const unfinishedLimit = 1_000;
const version = '0.1.0';

/** The whole ingress, wired once: followed state, the stages of a call, the endpoint. */
export class Ingress {
  readonly #server: McpServer;
  readonly #catalog = new Catalog();
  readonly #policy: FollowedPolicy;
  readonly #stops = new Stops();
  readonly #history: History;
  readonly #calls: CallFollower;
  readonly #holds: HoldDesk;
  readonly #active: ActiveCalls;
  readonly #unfinished: UnfinishedBusiness;
  readonly #upstreams: Upstreams;
  readonly #pauses = new PauseWatch();
  readonly #streams: StandingStreams;
  readonly #peers: Peers;
  readonly #asks: ClientAsks;
  readonly #rounds: Rounds;
  readonly #listeners: Listeners;
  readonly #tasks: Tasks;
  #follower: StateFollower | undefined;
  /** The held calls that there were at the start are known. */
  #holdsRead = false;
  #ticker: NodeJS.Timeout | undefined;

  constructor(private readonly host: IngressHost) {
    const { settings, log, sink, sealer, keys, logger } = host;
    const loopback = isLoopbackName(settings.host);
    const development = host.development && loopback;
    this.#active = new ActiveCalls(settings);
    this.#listeners = new Listeners(settings, this.#stops);
    this.#streams = new StandingStreams(settings, this.#stops, this.#listeners);
    this.#history = new History(settings.historyEntries);
    this.#calls = new CallFollower({ log, history: this.#history, sink, records: settings.historyRecords, others: settings.peerUrl !== undefined, logger });
    this.#policy = new FollowedPolicy(builtInModule(), logger, () => this.#policyChanged(), policyKeys(settings), regoLimits(settings));
    this.#unfinished = new UnfinishedBusiness(sink, unfinishedLimit, (problem, error) => logger.warn({ error }, problem));
    const inspector = detectorInspector();
    this.#peers = new Peers({ self: settings.peerUrl, peers: settings.peers, timeout_ms: settings.peerTimeout_ms, key: this.#key('peers'), logger });
    this.#asks = new ClientAsks(this.#key('asks'), settings.peerUrl);
    this.#rounds = new Rounds(this.#key('rounds'), settings.peerUrl, settings, Date.now);
    this.#tasks = new Tasks({ key: this.#key('tasks'), self: settings.peerUrl, limits: settings, log, sealer, now: Date.now });
    this.#upstreams = new Upstreams(settings, logger, noticesTo(this.#streams, this.#peers, inspector, this.#stops));
    const recorder = new Recorder(sink, sealer, this.#unfinished, settings);
    this.#holds = new HoldDesk({ sink, log, sealer, recorder, active: this.#active, logger }, settings);
    const metrics = new IngressMetrics(host.registry, this.#levels());
    const parts: Parts = {
      settings,
      log,
      sink,
      recorder,
      catalog: this.#catalog,
      policy: () => this.#inForce(),
      external: externalPolicy(settings, logger),
      stops: this.#stops,
      history: this.#history,
      calls: this.#calls,
      inspector,
      sender: this.#upstreams,
      holds: this.#holds,
      active: this.#active,
      pauses: this.#pauses,
      turns: new Turns(),
      results: new ResultCache(settings.cacheBytes),
      metrics,
      logger,
    };
    this.#holds.finisher = new HeldRunner({ log, sealer, keys, development, now: Date.now }, parts);
    this.#server = this.#endpoint(parts, loopback, development);
  }

  #key(purpose: string): Buffer {
    return Buffer.from(this.host.sealer.digest(`customhouse.${purpose}.v1`), 'base64url');
  }

  #endpoint(parts: Parts, loopback: boolean, development: boolean): McpServer {
    const { settings, log, sealer, keys, logger } = this.host;
    const sessions = new Sessions(this.#key('session-ids'), settings.sessionTtl_ms);
    const resumptions = new Resumptions({
      log,
      sealer,
      streams: this.#streams,
      key: this.#key('events'),
      limit: settings.resumptions,
      keepAlive_ms: settings.keepAlive_ms,
      logger,
    });
    const lists = new Lists(this.#catalog, settings);
    const legacy = new LegacyEra({
      parts,
      sessions,
      tasks: this.#tasks,
      asks: this.#asks,
      aside: (session, message) => this.#streams.tell(session, message) || this.#peers.tell([session], message),
      peers: this.#peers,
      resumptions,
      lists,
      version,
      onRootsChanged: ({ who }) => this.#upstreams.notify(who, 'notifications/roots/list_changed', undefined),
      batchMessages: settings.batchMessages,
      now: Date.now,
    });
    return new McpServer({
      settings,
      limits: {
        bodyBytes: settings.bodyBytes,
        json: { depth: settings.jsonDepth, members: settings.jsonKeys },
        hosts: allowedHosts(settings),
        origins: new Set(settings.allowedOrigins.map((origin) => origin.toLowerCase())),
        loopback,
      },
      trusted: new Subnets(settings.trustedProxies),
      identification: { keys, tokens: new JwtVerifier(settings.jwtIssuers), development: development ? developmentCaller(this.host.tenant) : undefined, now: Date.now },
      legacy,
      sse: new SseClients({ legacy, sessions, streams: this.#streams, peers: this.#peers, peerUrl: settings.peerUrl }, settings, this.#key('sse')),
      modern: new ModernEra({
        parts,
        conversations: new Conversations(this.#key('conversations'), settings.conversation_ms),
        rounds: this.#rounds,
        tasks: this.#tasks,
        peers: this.#peers,
        lists,
        streams: this.#streams,
        listeners: this.#listeners,
        listTtl_ms: settings.listTtl_ms,
        version,
        now: Date.now,
      }),
      sessions,
      streams: this.#streams,
      listeners: this.#listeners,
      peers: this.#peers,
      resumptions,
      onSessionEnded: (session) => this.#upstreams.forget(session),
      isServer: (name) => this.#catalog.server(name) !== undefined,
      isToolset: (name) => this.#catalog.toolset(name) !== undefined,
      metrics: parts.metrics,
      logger,
    });
  }

  /** `http://127.0.0.1:8400/mcp`, once it listens. */
  get url(): string {
    return this.#server.url;
  }

  /** Digest of the policy in force. */
  get policyDigest(): string | undefined {
    return this.#policy.current?.version.digest;
  }

  knowsTool(server: string, tool: string): boolean {
    return this.#catalog.tool(server, tool) !== undefined;
  }

  /** Follows its state and listens. Calls are refused until the state is there. Rejects with CannotListen. */
  async start(): Promise<void> {
    const { log, logger, development, settings } = this.host;
    this.#follower = followState({
      log,
      topics: Object.values(topics),
      onChange: (change) => this.#apply(change),
      onProblem: (problem, error) => logger.warn({ error }, problem),
    });
    await this.#server.listen();
    this.#ticker = setInterval(() => this.#tick(performance.now()), tick_ms);
    if (development && !isLoopbackName(settings.host))
      logger.warn(`the development profile is asked for but does not count, because the MCP endpoint listens on ${settings.host}, which others can reach`);
    logger.info(`MCP is served at ${this.url}`);
  }

  /** Throws with the reason when calls would be refused. */
  checkReady(): void {
    this.#mustBeCurrent();
    if (this.#policy.current === undefined) throw new Error(this.#policy.problem);
  }

  /** Takes no more calls, gives those in flight their time, and writes down how they ended. */
  async stop(): Promise<void> {
    const { drain_ms } = this.host.settings;
    this.#server.stopListening();
    this.#holds.close();
    this.#tasks.close();
    await this.#active.drain(drain_ms);
    clearInterval(this.#ticker);
    await this.#unfinished.close(2_000);
    this.#server.close();
    this.#peers.close();
    await this.#upstreams.close();
    this.#pauses.close();
    await this.#follower?.close();
    await this.#calls.close();
    await this.#policy.close();
  }

  #apply(change: StateChange): void {
    if (change.topic === topics.policy) return void (this.#stops.apply(change) || this.#policy.apply(change));
    if (change.topic === topics.approvals) return this.#holds.apply(change);
    const changed = this.#catalog.apply(change);
    if (changed === undefined) return;
    const { lists, server, toolset } = changed;
    const kinds = new Set(lists.map((kind) => (kind === 'templates' ? 'resources' : kind)));
    this.#streams.changed(kinds, `${server} ${toolset}`, (at) => this.#catalog.mayChange(at, changed));
  }

  #policyChanged(): void {
    const policy = this.#policy.current;
    if (policy !== undefined) {
      const { rules } = policy.version.rules;
      const limited = rules.flatMap(({ id, limit }): [string, Limit][] => (limit === undefined ? [] : [[id, limit]]));
      this.#history.limitBy(new Map(limited));
      // Whoever asks first need not wait for all of it then.
      if (limited.length > 0 || rules.some((rule) => rule.session_labels !== undefined) || Object.keys(policy.version.modules).length > 0) this.#calls.start();
    }
    this.#streams.changed();
  }

  #inForce(): Policy {
    this.#mustBeCurrent();
    const policy = this.#policy.current;
    if (policy === undefined) throw new Failure('not-ready', this.#policy.problem ?? 'there is no policy in force');
    return policy;
  }

  #mustBeCurrent(): void {
    const follower = this.#follower;
    if (follower === undefined || !follower.ready) throw new Failure('not-ready', 'the gateway is starting: catalogue and policy are still being read');
    // Until then a repetition of a held call would be taken for a new one.
    if (!this.#holdsRead && !(this.#holdsRead = this.#holds.ready)) throw new Failure('not-ready', 'the gateway is starting: held calls are still being read');
    if (follower.staleness_ms > this.host.settings.staleness_ms)
      throw new Failure(
        'state-stale',
        `catalogue, policy and approvals could not be followed for ${Math.round(follower.staleness_ms / 1000)} s, so calls are refused until they can`,
      );
  }

  #tick(now: number): void {
    this.#holds.tick(now);
    this.#upstreams.sweep(now);
    this.#upstreams.reconcile((name) => this.#catalog.server(name));
  }

  #levels(): ConstructorParameters<typeof IngressMetrics>[1] {
    return {
      calls: () => this.#active.size,
      waiting: () => this.#holds.waiting,
      holds: () => this.#holds.size,
      stops: () => this.#stops.size,
      sessions: () => this.#history.size,
      streams: () => this.#streams.size + this.#listeners.size,
      asks: () => this.#asks.size,
      unrecorded: () => this.#unfinished.size,
      staleness_s: () => (this.#follower === undefined || !this.#follower.ready ? -1 : this.#follower.staleness_ms / 1000),
    };
  }
}

function regoLimits({ regoTimeout_ms: timeout_ms, regoThreads: threads, regoQueue: queue, regoWait_ms: wait_ms }: IngressSettings): ThreadLimits {
  return { timeout_ms, threads, queue, wait_ms };
}

/** Names that requests may be addressed to: undefined for any. Other replicas use the one of the peer URL. */
function allowedHosts({ allowedHosts: names, peerUrl }: IngressSettings): ReadonlySet<string> | undefined {
  if (names.length === 0) return undefined;
  const own = peerUrl === undefined ? undefined : hostName(new URL(peerUrl).host);
  return new Set([...names.map((name) => name.toLowerCase()), ...(own === undefined ? [] : [own])]);
}
