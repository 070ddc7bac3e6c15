import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DynamicModule } from '@nestjs/common';
import pg from 'pg';
import { pino } from 'pino';
import type { approvalPublished } from '@customhouse/events/approval/events';
import { bindingText, type Bound } from '@customhouse/events/call/binding';
import { callDispatched, callHeld } from '@customhouse/events/call/events';
import type { EventData, EventDeclaration } from '@customhouse/events/catalogue';
import { directoryKeyPublished, type Role } from '@customhouse/events/registry/events';
import { decode } from '@customhouse/event-log/decode';
import { EventWriter } from '@customhouse/event-log/event-writer';
import { openLog } from '@customhouse/event-log/open-log';
import type { AppendResult, EventLog } from '@customhouse/event-log/port';
import { logSettings } from '@customhouse/event-log/settings';
import type { RecordedEvent } from '@customhouse/event-log/sink';
import { systemTopics, type TopicAdmin } from '@customhouse/event-log/topics';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { generateKey } from '@customhouse/identity/api-key';
import { canonicalise, type Json } from '@customhouse/kernel/canonical';
import { timestamp } from '@customhouse/kernel/time';
import { runServices, type Running } from '@customhouse/nest/run';
import { KeyEncryptionKey } from '@customhouse/sealing/key-encryption-key';
import { readKeyFile } from '@customhouse/sealing/key-file';
import { createSealer, type FollowingSealer } from '@customhouse/sealing/node-sealer';
import { loadSettings } from '@customhouse/settings/settings';
import { NOTIFIERS, type Notifier } from '../src/adapters/notifier.js';
import { approvalService } from '../src/service.js';

export type HeldData = EventData<typeof callHeld>;
export type State = EventData<typeof approvalPublished>;

/** Short times, so that tests need not wait. */
export const heartbeat_ms = 200;
const quick = { CUSTOMHOUSE_APPROVAL_TICK_MS: '50', CUSTOMHOUSE_APPROVAL_SILENCE_MS: '1500', CUSTOMHOUSE_LOG_HEARTBEAT_MS: String(heartbeat_ms) };

export interface Answer<Body = any> {
  readonly status: number;
  readonly body: Body;
}

/** The approval service as it runs, a database of its own, and whatever stands around it: keys, ingresses, the log. */
export class Gateway {
  service!: Running;
  readonly keys = new Map<string, string>();
  private readonly ingresses: Ingress[] = [];

  private constructor(
    readonly environment: Record<string, string>,
    private readonly folder: string,
    readonly log: EventLog & TopicAdmin,
    private readonly writer: EventWriter,
    readonly sealer: FollowingSealer,
    private readonly definition: typeof approvalService,
  ) {}

  /** `postgres`: a server on which databases may be made. `logUrl`: another log than one in a database there. */
  static async start(options: {
    readonly postgres: string;
    readonly logUrl?: string;
    readonly settings?: Record<string, string>;
    readonly notifiers?: readonly Notifier[];
  }): Promise<Gateway> {
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-approval-'));
    const sealingKeyFile = join(folder, 'sealing.key');
    writeFileSync(sealingKeyFile, randomBytes(32).toString('base64'), { mode: 0o600 });
    const environment = {
      CUSTOMHOUSE_LOG_URL: options.logUrl ?? (await newDatabase(options.postgres)),
      CUSTOMHOUSE_DATABASE_URL: await newDatabase(options.postgres),
      CUSTOMHOUSE_SEALING_KEY_FILE: sealingKeyFile,
      CUSTOMHOUSE_INSTANCE: 'approval-1',
      CUSTOMHOUSE_API_PORT: '0',
      CUSTOMHOUSE_LOG_LEVEL: 'silent',
      ...quick,
      ...options.settings,
    };
    const log = await openLog(loadSettings(logSettings, environment, () => ''));
    await log.createTopics(systemTopics());
    const writer = new EventWriter({ log, service: 'registry', instance: 'registry-1', heartbeat_ms });
    await writer.start();
    const sealer = createSealer({ kek: new KeyEncryptionKey(readKeyFile(sealingKeyFile, { create: false })), sink: writer, catchUp: () => catchUp(log, sealer) });
    const gateway = new Gateway(environment, folder, log, writer, sealer, telling(options.notifiers));
    await gateway.startService();
    return gateway;
  }

  async startService(changes: Record<string, string> = {}): Promise<void> {
    this.service = await runServices({ services: [this.definition], environment: { ...this.environment, ...changes }, logger: pino({ level: 'silent' }) });
    await this.service.ready;
  }

  /** Another replica, on the same log and database. */
  async anotherService(instance: string): Promise<Running> {
    const other = await runServices({ services: [this.definition], environment: { ...this.environment, CUSTOMHOUSE_INSTANCE: instance }, logger: pino({ level: 'silent' }) });
    await other.ready;
    return other;
  }

  async restartService(): Promise<void> {
    await this.service.close();
    await this.startService();
  }

  /** Issues a key and waits until the service knows it. */
  async key(person: string, roles: readonly Role[], changes: { readonly agent?: string; readonly tenant?: string; readonly groups?: readonly string[] } = {}): Promise<string> {
    const { id, hash, presented } = generateKey();
    const { agent = `${person}-console`, tenant = 'default', groups = [] } = changes;
    const data = { id, hash, tenant, agent, person, groups: [...groups], roles: [...roles], created: timestamp(Date.now()), expires: null, revoked: false };
    await this.writer.append({ declaration: directoryKeyPublished, subject: `key-${id}`, key: `key/${id}`, data });
    await eventually(`the key of ${person} is known`, async () => (await this.ask('POST', '/v1/approvals/01K00000000000000000000000/cancel', {}, presented)).status !== 401);
    return presented;
  }

  async approver(person: string): Promise<string> {
    const known = this.keys.get(person);
    if (known !== undefined) return known;
    const key = await this.key(person, ['approver']);
    this.keys.set(person, key);
    return key;
  }

  async ingress(instance: string): Promise<Ingress> {
    const log = await openLog(loadSettings(logSettings, this.environment, () => ''));
    const ingress = await Ingress.start(this, log, instance);
    this.ingresses.push(ingress);
    return ingress;
  }

  async ask(method: string, path: string, body: unknown, key: string, api = this.service.apiUrl): Promise<Answer> {
    const response = await fetch(api + path, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  async vote(approval: string, person: string, verdict: 'approve' | 'deny' = 'approve', more: Record<string, unknown> = {}): Promise<Answer> {
    return this.ask('POST', `/v1/approvals/${approval}/votes`, { verdict, reason: `${person} looked at it`, ...more }, await this.approver(person));
  }

  async show(approval: string): Promise<Answer> {
    return this.ask('GET', `/v1/approvals/${approval}`, undefined, await this.approver('reader'));
  }

  /** Waits until the request is in this status, as the API shows it. */
  async status(approval: string, ...wanted: string[]): Promise<any> {
    return eventually(`the request is ${wanted.join(' or ')}`, async () => {
      const { status, body } = await this.show(approval);
      return status === 200 && wanted.includes(body.status) ? body : undefined;
    });
  }

  /** The present state on the topic that ingresses follow. */
  async state(approval: string): Promise<State | undefined> {
    const { records } = await this.log.readState('customhouse.state.approvals');
    const record = records.find(({ key }) => key === approval);
    return record && (decode(record).data as State);
  }

  async stateIs(approval: string, wanted: (state: State) => boolean): Promise<State> {
    return eventually('the state is published', async () => {
      const state = await this.state(approval);
      return state !== undefined && wanted(state) ? state : undefined;
    });
  }

  /** All events about a request on customhouse.approvals, in order, each once: a crash between log and database ships one again. */
  async told(approval: string): Promise<StoredEvent<any>[]> {
    const seen = new Set<string>();
    return (await this.everything('customhouse.approvals')).filter((event) => event.data.approval === approval && !seen.has(event.id) && seen.add(event.id));
  }

  async everything(topic: string): Promise<StoredEvent<any>[]> {
    const over = new AbortController();
    const events: StoredEvent[] = [];
    for await (const batch of this.log.follow({ topics: [topic], from: new Map(), signal: over.signal, idle_ms: 50 })) {
      events.push(...batch.records.map((record) => decode(record)));
      if (batch.atEnd) over.abort();
    }
    return events;
  }

  /** Waits until these types were told, exactly and in this order. */
  async tells(approval: string, ...types: string[]): Promise<StoredEvent<any>[]> {
    let seen: string[] = [];
    return eventually(
      () => `the events are ${types.join(', ')} (they are ${seen.join(', ')})`,
      async () => {
        const events = await this.told(approval);
        seen = events.map((event) => event.type.replace('approval.', ''));
        return seen.join() === types.join() ? events : undefined;
      },
    );
  }

  /** Runs SQL in the schema of the service. */
  async sql<Row extends object = any>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.environment['CUSTOMHOUSE_DATABASE_URL'], options: '-c search_path=approval' });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    await this.service.close();
    for (const ingress of this.ingresses) await ingress.close();
    await this.writer.close();
    await this.log.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** Stands for an ingress: holds calls, and does what it is told when it is named. */
export class Ingress {
  private ending: Promise<void> | undefined;

  private constructor(
    private readonly gateway: Gateway,
    private readonly line: Line,
    readonly writer: EventWriter,
  ) {}

  static async start(gateway: Gateway, log: EventLog, instance: string): Promise<Ingress> {
    const line = new Line(log);
    const writer = new EventWriter({ log: line.log, service: 'ingress', instance, heartbeat_ms });
    await writer.start();
    return new Ingress(gateway, line, writer);
  }

  /** Holds a call, as the pipeline does. Answers what it recorded. */
  async hold(
    options: {
      readonly quorum?: number;
      readonly terms?: Partial<NonNullable<HeldData['decision']['obligations']['approve']>>;
      readonly principal?: Partial<HeldData['principal']>;
      readonly expires_ms?: number;
      readonly args?: Json;
      readonly aim?: Pick<HeldData, 'method' | 'tool' | 'definition'>;
      readonly change?: (held: HeldData) => HeldData;
    } = {},
  ): Promise<{ held: HeldData; recorded: RecordedEvent }> {
    const { sealer } = this.gateway;
    const principal = { tenant: 'default', agent: 'claude', person: 'alice', groups: [], credential: { kind: 'key' as const, id: '0123456789abcdef' }, ...options.principal };
    const key = await sealer.keyFor(sealer.subjectOf(principal.tenant, principal.person));
    const call = newUlid();
    const unbound = {
      call,
      session: `session-${call}`,
      principal,
      client: { name: 'test', version: '1' },
      network: { address: '127.0.0.1' },
      method: 'tools/call',
      server: 'bank',
      generation: 1,
      tool: 'transfer',
      exposed: 'bank__transfer',
      definition: 'definition-1' as string | null,
      ...options.aim,
      arguments: sealer.seal(key, canonicalise(options.args ?? { to: 'DE02', amount: 10 })),
      labels: [],
      findings: [],
      decision: {
        effect: 'hold' as const,
        rules: [{ id: 'hold-transfers', effect: 'hold' as const, reason: 'Money leaves the house.' }],
        obligations: { approve: { quorum: options.quorum ?? 1, expires_s: 3600, ...options.terms } },
        policy: { number: 7, digest: 'policy-7' },
      },
      record: 'strict' as const,
      approval: { id: newUlid(), nonce: randomBytes(16).toString('base64url'), expires: timestamp(Date.now() + (options.expires_ms ?? 3_600_000)), quorum: options.quorum ?? 1 },
    };
    const bound: HeldData = { ...unbound, approval: { ...unbound.approval, binding: sealer.digest(bindingText(unbound satisfies Bound)) } };
    const held = options.change?.(bound) ?? bound;
    return { held, recorded: await this.append(callHeld, held, held.session) };
  }

  async dispatch(held: HeldData): Promise<RecordedEvent> {
    const { call, session, approval } = held;
    return this.append(callDispatched, { call, approval: approval.id, binding: approval.binding, deadline: timestamp(Date.now() + 60_000) }, session);
  }

  async append<D extends EventDeclaration>(declaration: D, data: EventData<D> & { call: string }, session: string): Promise<RecordedEvent> {
    return this.writer.append({ declaration, subject: `call-${data.call}`, key: session, data });
  }

  /** Ends the process in order. */
  async close(): Promise<void> {
    this.ending ??= this.end();
    await this.ending;
  }

  /** Ends the process as SIGKILL does: nothing more of it reaches the log. */
  kill(): void {
    this.line.cut();
    this.ending ??= this.end();
  }

  private async end(): Promise<void> {
    await this.writer.close();
    await this.line.log.close();
  }
}

/** The way to the log, which can be cut. */
class Line {
  private whole = true;
  readonly log: EventLog;

  constructor(log: EventLog) {
    const append: EventLog['append'] = async (batch, deadline): Promise<readonly AppendResult[]> =>
      this.whole ? log.append(batch, deadline) : batch.map(() => ({ outcome: 'refused', error: new Error('the process is dead'), transient: true }));
    this.log = new Proxy(log, {
      get: (target, member) => {
        if (member === 'append') return append;
        const value: unknown = Reflect.get(target, member);
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
  }

  cut(): void {
    this.whole = false;
  }
}

/** The service, with other ways of telling people. */
function telling(notifiers: readonly Notifier[] | undefined): typeof approvalService {
  if (notifiers === undefined) return approvalService;
  return {
    ...approvalService,
    module: (settings) => {
      const module = approvalService.module(settings) as DynamicModule;
      const others = (module.providers ?? []).filter((provider) => !('provide' in provider && provider.provide === NOTIFIERS));
      return { ...module, providers: [...others, { provide: NOTIFIERS, useValue: notifiers }] };
    },
  };
}

async function catchUp(log: EventLog, sealer: FollowingSealer): Promise<void> {
  for (const record of (await log.readState('customhouse.state.keys')).records) sealer.apply(record.key, decode(record).data);
}

async function newDatabase(server: string): Promise<string> {
  const name = `approval_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** Waits until `look` answers something. Throws after the time with what was waited for. */
export async function eventually<T>(what: string | (() => string), look: () => Promise<T | undefined | false>, timeout_ms = 15_000): Promise<T> {
  const deadline = performance.now() + timeout_ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${timeout_ms} ms in vain until ${typeof what === 'string' ? what : what()}`);
    await sleep(25);
  }
}
