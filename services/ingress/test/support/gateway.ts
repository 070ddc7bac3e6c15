import { hash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { approvalPublished } from '@customhouse/events/approval/events';
import type { EventData, EventDeclaration } from '@customhouse/events/catalogue';
import { policyModulePublished, policyPublished, stopPublished } from '@customhouse/events/policy/events';
import {
  catalogPromptPublished,
  catalogResourcePublished,
  catalogServerPublished,
  catalogTemplatePublished,
  catalogToolPublished,
  directoryKeyPublished,
  type ApiKey,
  type ToolLabel,
  type Transport,
} from '@customhouse/events/registry/events';
import { decode } from '@customhouse/event-log/decode';
import { EventWriter } from '@customhouse/event-log/event-writer';
import type { EventLog } from '@customhouse/event-log/port';
import { Spool } from '@customhouse/event-log/spool/spool';
import { followState } from '@customhouse/event-log/state-follower';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { FollowedKeyDirectory } from '@customhouse/identity/followed-key-directory';
import { generateKey } from '@customhouse/identity/api-key';
import { definitionText } from '@customhouse/mcp-wire/definition';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { RegoFiles } from '@customhouse/policy-contract/bundle';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { stopKey, stopTarget, type StopKind } from '@customhouse/policy-contract/stops';
import { builtInModule } from '@customhouse/policies/built-in';
import type { VersionSigner } from '@customhouse/policies/signature';
import { makeVersion } from '@customhouse/policies/version';
import { KeyEncryptionKey } from '@customhouse/sealing/key-encryption-key';
import { createSealer, type FollowingSealer } from '@customhouse/sealing/node-sealer';
import { loadSettings } from '@customhouse/settings/settings';
import { HttpClient } from '@customhouse/upstream/http-client';
import { openUpstream } from '@customhouse/upstream/open-upstream';
import { ingressSettings } from '../../src/config.js';
import { Ingress } from '../../src/ingress.js';
import { sameLog, testLog } from './log.js';
import { RawClient } from './mcp.js';

export interface GatewayOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly rules?: RuleSet['rules'];
  readonly development?: boolean;
  /** Stands between the gateway and the log. */
  readonly wrapLog?: (log: EventLog) => EventLog;
  readonly spool?: boolean;
  /** Signs each version of the policy. */
  readonly signer?: VersionSigner;
  /** Another replica of the same installation: this one has the same log and the same keys. */
  readonly beside?: Gateway;
}

export const allowEverything: RuleSet['rules'] = [{ id: 'allow-everything', effect: 'allow', reason: 'a test', tools: ['*/*'] }];

/** Also what servers ask of clients, and what is no tool. */
export const allowEveryMethod: RuleSet['rules'] = [
  {
    id: 'allow-every-method',
    effect: 'allow',
    reason: 'a test',
    methods: ['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'completion/complete', 'sampling/createMessage', 'elicitation/create', 'roots/list'],
    tools: ['*/*'],
  },
];

/** An ingress on a real log of its own, with the state that other services would publish. */
export class Gateway {
  readonly #closers: (() => Promise<unknown> | unknown)[] = [];
  readonly environment: Readonly<Record<string, string>>;
  ingress!: Ingress;
  log!: EventLog;
  writer!: EventWriter;
  sealer!: FollowingSealer;
  keys!: FollowedKeyDirectory;
  readonly registry = new Registry();
  readonly logLines: JsonObject[] = [];
  #policyNumber = 0;
  #secret: Buffer = randomBytes(32);
  #logUrl = '';

  private constructor(private readonly options: GatewayOptions) {
    this.environment = { CUSTOMHOUSE_INGRESS_PORT: '0', ...options.environment };
  }

  static async start(options: GatewayOptions = {}): Promise<Gateway> {
    const gateway = new Gateway(options);
    try {
      await gateway.#open();
      if (options.beside === undefined) await gateway.activate(options.rules ?? allowEverything);
      else await eventually(() => gateway.ingress.checkReady());
      return gateway;
    } catch (error) {
      await gateway.close();
      throw error;
    }
  }

  get url(): string {
    return this.ingress.url;
  }

  async #open(): Promise<void> {
    const { beside } = this.options;
    if (beside !== undefined) this.#secret = beside.#secret;
    const engine = beside === undefined ? await testLog() : Object.assign(await sameLog(beside.#logUrl), { url: beside.#logUrl });
    this.#logUrl = engine.url;
    this.#closers.push(() => engine.close());
    this.log = this.options.wrapLog?.(engine) ?? engine;
    await this.#startProcess(`ingress-${randomBytes(4).toString('hex')}`);
  }

  /** What one process has: writer, keys, sealer, ingress. */
  async #startProcess(instance: string): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'customhouse-ingress-'));
    const spool = this.options.spool ? await Spool.open({ folder, max_bytes: 10_000_000 }) : undefined;
    this.writer = new EventWriter({ log: this.log, service: 'ingress', instance, heartbeat_ms: 500, spool });
    await this.writer.start();
    this.keys = new FollowedKeyDirectory();
    const kek = new KeyEncryptionKey(this.#secret);
    this.sealer = createSealer({
      kek,
      sink: this.writer,
      catchUp: async () => {
        const { records } = await this.log.readState('customhouse.state.keys');
        for (const record of records) this.sealer.apply(record.key, decode(record).data);
      },
    });
    const followed = followState({
      log: this.log,
      topics: ['customhouse.state.directory', 'customhouse.state.keys'],
      onChange: ({ topic, key, event }) => {
        if (topic === 'customhouse.state.directory') this.keys.apply(key, (event?.data ?? null) as ApiKey | null);
        else this.sealer.apply(key, event?.data ?? null);
      },
      onReady: () => this.keys.markReady(),
    });
    const lines = { write: (line: string) => void this.logLines.push(JSON.parse(line) as JsonObject) };
    const settings = loadSettings(ingressSettings, this.environment, () => '');
    this.#closers.push(
      () => rm(folder, { recursive: true, force: true }),
      () => spool?.close(),
      () => this.writer.close(),
      () => followed.close(),
    );
    this.ingress = new Ingress({
      settings,
      log: this.log,
      sink: this.writer,
      sealer: this.sealer,
      keys: this.keys,
      logger: pino({ level: 'debug', serializers: { error: pino.stdSerializers.err } }, lines),
      registry: this.registry,
      development: this.options.development ?? true,
      tenant: 'default',
    });
    await this.ingress.start();
  }

  /** Puts rules, and Rego beside them where there is some, in force, and waits until they are. */
  async activate(rules: RuleSet['rules'], rego?: { readonly wasm: Uint8Array; readonly modules: RegoFiles }): Promise<void> {
    const module = rego === undefined ? builtInModule().digest : hash('sha256', rego.wasm, 'hex');
    if (rego !== undefined)
      await this.writer.append({
        declaration: policyModulePublished,
        subject: 'policy',
        key: `module/${module}`,
        data: { digest: module, wasm: Buffer.from(rego.wasm).toString('base64') },
      });
    const made = makeVersion({ number: (this.#policyNumber += 1), module, rules: { version: 1, rules }, note: '', ...(rego && { modules: rego.modules }) });
    const version = this.options.signer?.sign(made) ?? made;
    await this.writer.append({ declaration: policyPublished, subject: 'policy', key: 'active', data: version });
    await eventually(() => {
      this.ingress.checkReady();
      return this.ingress.policyDigest === version.digest;
    });
  }

  /** Registers a server and the tools that it has, all served. */
  async addServer(name: string, transport: Transport, labels: ToolLabel[] = [], generation = 1): Promise<void> {
    const http = new HttpClient();
    const upstream = await openUpstream(transport, { clientInfo: { name: 'test', version: '1' }, http });
    const answer = await upstream.call({ method: 'tools/list', params: {} }, { timeout_ms: 10_000, max_bytes: 10_000_000 });
    const tools = ('result' in answer ? answer.result['tools'] : []) as JsonObject[];
    await this.publishServer(name, transport, generation, upstream.initialized);
    await upstream.close();
    await http.close();
    for (const [order, definition] of tools.entries()) await this.publishTool(name, definition as { name: string }, order, labels);
    await eventually(() => this.ingress.knowsTool(name, String(tools.at(-1)!['name'])));
  }

  /** Registers a server and all that it lists, all served. */
  async addLibrary(name: string, transport: Transport): Promise<void> {
    await this.addServer(name, transport);
    const http = new HttpClient();
    const upstream = await openUpstream(transport, { clientInfo: { name: 'test', version: '1' }, http });
    const list = async (method: string, member: string): Promise<JsonObject[]> => {
      const answer = await upstream.call({ method, params: {} }, { timeout_ms: 10_000, max_bytes: 10_000_000 });
      return ('result' in answer ? answer.result[member] : []) as JsonObject[];
    };
    const digestOf = (definition: JsonObject): string => hash('sha256', definitionText(definition), 'base64url');
    const publish = (declaration: EventDeclaration, key: string, data: unknown): Promise<unknown> =>
      this.writer.append({ declaration, subject: `server-${name}`, key, data: data as EventData<EventDeclaration> });
    for (const [order, definition] of (await list('prompts/list', 'prompts')).entries())
      await publish(catalogPromptPublished, `prompt/${name}/${String(definition['name'])}`, {
        ...{ server: name, prompt: definition['name'], digest: digestOf(definition), definition, status: 'served', order },
      });
    for (const [order, definition] of (await list('resources/list', 'resources')).entries())
      await publish(catalogResourcePublished, `resource/${name}/${hash('sha256', String(definition['uri']), 'hex')}`, {
        ...{ server: name, uri: definition['uri'], digest: digestOf(definition), definition, order },
      });
    for (const [order, definition] of (await list('resources/templates/list', 'resourceTemplates')).entries())
      await publish(catalogTemplatePublished, `template/${name}/${hash('sha256', String(definition['uriTemplate']), 'hex')}`, {
        ...{ server: name, template: definition['uriTemplate'], digest: digestOf(definition), definition, order },
      });
    await upstream.close();
    await http.close();
    await this.addServer(name, transport);
  }

  async withdrawPrompt(server: string, prompt: string): Promise<void> {
    await this.writer.remove('customhouse.state.catalog', `prompt/${server}/${prompt}`);
  }

  async publishServer(name: string, transport: Transport, generation = 1, discovered: JsonObject | null = null, enabled = true): Promise<void> {
    const server = { name, generation, transport, enabled };
    await this.writer.append({
      declaration: catalogServerPublished,
      subject: `server-${name}`,
      key: `server/${name}`,
      data: { server, reachable: true, protocol: '2025-11-25', discovered, lost: [] },
    });
  }

  async publishTool(server: string, definition: JsonObject & { name: string }, order = 0, labels: ToolLabel[] = [], status: 'served' | 'quarantined' = 'served'): Promise<void> {
    const data = { server, tool: definition.name, digest: hash('sha256', definitionText(definition), 'base64url'), definition, labels, status, order };
    await this.writer.append({ declaration: catalogToolPublished, subject: `server-${server}`, key: `tool/${server}/${definition.name}`, data });
  }

  /** A client with a session, by a key for this person. */
  async clientOf(person: string): Promise<RawClient> {
    const client = new RawClient(this.url, { authorization: `Bearer ${await this.issueKey({ person })}` });
    await client.initialize();
    return client;
  }

  /** An API key that is known to the ingress. */
  async issueKey(changes: Partial<ApiKey> = {}): Promise<string> {
    const { id, hash: keyHash, presented } = generateKey();
    const key: ApiKey = {
      id,
      hash: keyHash,
      tenant: 'default',
      agent: 'robot',
      person: 'ada@example.com',
      groups: [],
      roles: ['agent'],
      created: '2026-01-01T00:00:00.000Z',
      expires: null,
      revoked: false,
      ...changes,
    };
    await this.writer.append({ declaration: directoryKeyPublished, subject: `key-${id}`, key: `key/${id}`, data: key });
    await eventually(() => this.keys.standing(id, 0) !== 'unknown');
    return presented;
  }

  async revoke(presented: string): Promise<void> {
    const verdict = this.keys.authenticate(presented, 0);
    if (!verdict.ok) throw new Error(`the key is ${verdict.problem} already`);
    await this.writer.append({ declaration: directoryKeyPublished, subject: 'key', key: `key/${verdict.key.id}`, data: { ...verdict.key, revoked: true } });
    await eventually(() => this.keys.standing(verdict.key.id, 0) === 'revoked');
  }

  /** What the policy service publishes when somebody orders a stop. */
  async stop(kind: StopKind, name: string): Promise<void> {
    const target = stopTarget(kind, name);
    const data = { ...target, reason: 'It misbehaves.', by: 'olga', since: '2026-11-22T13:00:00.000Z' };
    await this.writer.append({ declaration: stopPublished, subject: 'stop', key: stopKey(target), data });
  }

  async lift(kind: StopKind, name: string): Promise<void> {
    await this.writer.remove('customhouse.state.policy', stopKey(stopTarget(kind, name)));
  }

  async publishApproval(data: EventData<typeof approvalPublished>): Promise<void> {
    await this.writer.append({ declaration: approvalPublished, subject: `approval-${data.approval}`, key: data.approval, data });
  }

  /** All events about calls that are in the log now, in the order they were written in. */
  async events(): Promise<StoredEvent[]> {
    const topic = 'customhouse.calls';
    const events: StoredEvent[] = [];
    const signal = AbortSignal.timeout(10_000);
    for await (const batch of this.log.follow({ topics: [topic], from: new Map(), signal, idle_ms: 20 })) {
      events.push(...batch.records.map((record) => decode(record)));
      if (batch.atEnd) return events.sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
    }
    throw new Error('the log could not be read');
  }

  /** Stops the process in order and starts another one on the same log, with another name. */
  async restart(): Promise<void> {
    await this.ingress.stop();
    for (const close of this.#closers.splice(1).toReversed()) await close();
    this.registry.clear();
    await this.#startProcess(`ingress-${randomBytes(4).toString('hex')}`);
    await eventually(() => {
      this.ingress.checkReady();
      return this.keys.ready;
    });
  }

  async close(): Promise<void> {
    // Undefined when the start has failed.
    await (this.ingress as Ingress | undefined)?.stop();
    for (const close of this.#closers.splice(0).toReversed()) await close();
  }
}

function placeOf({ envelope }: StoredEvent): string {
  return `${envelope.epoch} ${envelope.sequence}`;
}

/** Waits until the condition holds, or throws what it last threw. */
export async function eventually(condition: () => boolean | void | Promise<boolean | void>, timeout_ms = 10_000): Promise<void> {
  const end = performance.now() + timeout_ms;
  for (;;) {
    let problem: unknown = new Error('the condition did not come true');
    try {
      if ((await condition()) !== false) return;
    } catch (error) {
      problem = error;
    }
    if (performance.now() > end) throw problem;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
