import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { pino } from 'pino';
import { callAdmitted, callHeld, callRefused } from '@customhouse/events/call/events';
import type { EventData, EventDeclaration } from '@customhouse/events/catalogue';
import { directoryKeyPublished, type Role } from '@customhouse/events/registry/events';
import { decode } from '@customhouse/event-log/decode';
import { EventWriter } from '@customhouse/event-log/event-writer';
import { openLog } from '@customhouse/event-log/open-log';
import type { AppendResult, EventLog, LogRecord, StoredRecord } from '@customhouse/event-log/port';
import { logSettings } from '@customhouse/event-log/settings';
import type { RecordedEvent } from '@customhouse/event-log/sink';
import { systemTopics, type TopicAdmin } from '@customhouse/event-log/topics';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { generateKey } from '@customhouse/identity/api-key';
import { canonicalise, type Json } from '@customhouse/kernel/canonical';
import { timestamp } from '@customhouse/kernel/time';
import { runServices, type Running } from '@customhouse/nest/run';
import { KeyEncryptionKey } from '@customhouse/sealing/key-encryption-key';
import { readKeyFile } from '@customhouse/sealing/key-file';
import { createSealer, type FollowingSealer } from '@customhouse/sealing/node-sealer';
import type { Sealed } from '@customhouse/events/envelope';
import { loadSettings } from '@customhouse/settings/settings';
import { auditService } from '../src/service.js';

export interface Answer<Body = any> {
  readonly status: number;
  readonly body: Body;
}

export type Intent = EventData<typeof callAdmitted>;

/** The audit service as it runs, with the log and the processes that write to it around it. */
export class House {
  service!: Running;
  auditor!: string;
  operator!: string;
  private readonly ingresses: Ingress[] = [];
  private readonly services: Running[] = [];

  private constructor(
    readonly environment: Record<string, string>,
    private readonly folder: string,
    readonly log: EventLog & TopicAdmin,
    readonly registry: EventWriter,
    readonly sealer: FollowingSealer,
  ) {}

  static async open(options: { readonly databaseUrl: string; readonly logUrl: string; readonly settings?: Record<string, string> }): Promise<House> {
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-audit-'));
    const keyFile = join(folder, 'sealing.key');
    writeFileSync(keyFile, randomBytes(32).toString('base64'), { mode: 0o600 });
    const environment = {
      CUSTOMHOUSE_LOG_URL: options.logUrl,
      CUSTOMHOUSE_DATABASE_URL: options.databaseUrl,
      CUSTOMHOUSE_SEALING_KEY_FILE: keyFile,
      CUSTOMHOUSE_INSTANCE: 'audit-1',
      CUSTOMHOUSE_API_PORT: '0',
      CUSTOMHOUSE_LOG_HEARTBEAT_MS: '250',
      CUSTOMHOUSE_AUDIT_CLOSER_INTERVAL_MS: '100',
      CUSTOMHOUSE_AUDIT_TAIL_POLL_MS: '200',
      ...options.settings,
    };
    const log = await openLog(loadSettings(logSettings, environment, () => ''));
    await log.createTopics(systemTopics());
    const registry = new EventWriter({ log, service: 'registry', instance: 'registry-1', heartbeat_ms: 250 });
    await registry.start();
    const sealer = createSealer({ kek: new KeyEncryptionKey(readKeyFile(keyFile, { create: false })), sink: registry, catchUp: async () => undefined });
    const house = new House(environment, folder, log, registry, sealer);
    await house.startService();
    house.auditor = await house.key('grace', ['auditor']);
    house.operator = await house.key('oscar', ['operator']);
    return house;
  }

  /** Starts one, perhaps beside others; requests go to the newest. */
  async startService(changes: Record<string, string> = {}): Promise<Running> {
    const logger = pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' });
    this.service = await runServices({ services: [auditService], environment: { ...this.environment, ...changes }, logger });
    this.services.push(this.service);
    await this.service.ready;
    return this.service;
  }

  /** Issues a key and waits until the service knows it. */
  async key(person: string, roles: readonly Role[], tenant = 'default'): Promise<string> {
    const { id, hash, presented } = generateKey();
    const data = { id, hash, tenant, agent: `${person}-console`, person, groups: [], roles: [...roles], created: timestamp(Date.now()), expires: null, revoked: false };
    await this.registry.append({ declaration: directoryKeyPublished, subject: `key-${id}`, key: `key/${id}`, data });
    await eventually(`the key of ${person} is known`, async () => (await this.get('/v1/projections/calls', presented)).status !== 401);
    return presented;
  }

  async get<Body = any>(path: string, key = this.auditor): Promise<Answer<Body>> {
    const response = await fetch(this.service.apiUrl + path, { headers: { authorization: `Bearer ${key}` } });
    return { status: response.status, body: (await response.json()) as Body };
  }

  async post(path: string, body: unknown, key = this.operator): Promise<Answer> {
    const response = await fetch(this.service.apiUrl + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  async lines<Item = any>(path: string, key = this.auditor): Promise<Item[]> {
    const response = await fetch(this.service.apiUrl + path, { headers: { authorization: `Bearer ${key}` } });
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    const text = await response.text();
    return text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Item);
  }

  /** The calls that a search answers, all pages. */
  async search(query: Record<string, string> = {}, key = this.auditor): Promise<any[]> {
    const found: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page: Answer = await this.get(`/v1/calls?${new URLSearchParams({ ...query, ...(cursor === null ? {} : { cursor }) })}`, key);
      if (page.status !== 200) throw new Error(`the search answered ${page.status}: ${JSON.stringify(page.body)}`);
      found.push(...page.body.items);
      cursor = page.body.next;
    } while (cursor !== null);
    return found;
  }

  /** Waits until the call has this status. */
  async status(call: string, wanted: string): Promise<any> {
    return eventually(`${call} is ${wanted}`, async () => {
      const { status, body } = await this.get(`/v1/calls/${call}`);
      return status === 200 && body.status === wanted ? body : undefined;
    });
  }

  /** Waits until the ledger has everything that the log has now. */
  async caughtUp(): Promise<any> {
    const now = Date.now();
    return eventually('the ledger has caught up', async () => {
      const { body } = await this.get('/v1/projections/calls');
      return body.complete_until !== null &&
        Date.parse(body.complete_until) > now &&
        body.positions.every((position: { behind: number; topic: string }) => position.behind === 0 || position.topic === 'customhouse.sources')
        ? body
        : undefined;
    });
  }

  async ingress(instance = 'ingress-1'): Promise<Ingress> {
    const log = await openLog(loadSettings(logSettings, this.environment, () => ''));
    const ingress = await Ingress.start(this, log, instance);
    this.ingresses.push(ingress);
    return ingress;
  }

  /** Everything on a topic. */
  async records(topic: string): Promise<StoredRecord[]> {
    const over = new AbortController();
    const records: StoredRecord[] = [];
    for await (const batch of this.log.follow({ topics: [topic], from: new Map(), signal: over.signal, idle_ms: 50 })) {
      records.push(...batch.records);
      if (batch.atEnd) over.abort();
    }
    return records;
  }

  async types(topic: string): Promise<string[]> {
    return (await this.records(topic)).map((record) => decode(record).type);
  }

  /** Puts a record into the log as it is, past every writer. */
  async force(record: Omit<LogRecord, 'headers'>): Promise<AppendResult> {
    const [result] = await this.log.append([{ ...record, headers: {} }], { timeout_ms: 2_000 });
    return result!;
  }

  /** Runs SQL in the schema of the service. */
  async sql<Row extends object = any>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.environment['CUSTOMHOUSE_DATABASE_URL'], options: '-c search_path=audit' });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    for (const service of this.services) await service.close();
    for (const ingress of this.ingresses) await ingress.close();
    await this.registry.close();
    await this.log.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** Stands for an ingress: records calls as the pipeline does. */
export class Ingress {
  private ending: Promise<void> | undefined;

  private constructor(
    private readonly house: House,
    private readonly log: EventLog,
    private readonly line: { whole: boolean },
    readonly writer: EventWriter,
  ) {}

  static async start(house: House, engine: EventLog, instance: string): Promise<Ingress> {
    const line = { whole: true };
    const log = cuttable(engine, line);
    const writer = new EventWriter({ log, service: 'ingress', instance, heartbeat_ms: 250 });
    await writer.start();
    return new Ingress(house, log, line, writer);
  }

  async seal(person: string, value: Json): Promise<Sealed> {
    const key = await this.house.sealer.keyFor(this.house.sealer.subjectOf('default', person));
    return this.house.sealer.seal(key, canonicalise(value));
  }

  /** What an admission says, with changes. */
  async intent(changes: Partial<Intent> & { readonly agent?: string; readonly person?: string; readonly args?: Json; readonly tenant?: string } = {}): Promise<Intent> {
    const { agent = 'reporter', person = 'alice@example.com', args = { text: 'hello' }, tenant = 'default', ...rest } = changes;
    return {
      call: newUlid(),
      session: `session-${agent}`,
      principal: { tenant, agent, person, groups: [], credential: { kind: 'key', id: '0123456789abcdef' } },
      client: { name: 'claude-code', version: '2.1.0' },
      network: { address: '127.0.0.1' },
      method: 'tools/call',
      server: 'files',
      generation: 1,
      tool: 'read_file',
      exposed: 'files__read_file',
      definition: 'definition-1',
      labels: ['read-only'],
      arguments: await this.seal(person, args),
      findings: [],
      decision: {
        effect: 'allow',
        rules: [{ id: 'allow-reading', effect: 'allow', reason: 'Reading is harmless.' }],
        obligations: {},
        policy: { number: 3, digest: 'policy-3' },
      },
      record: 'strict',
      deadline: timestamp(Date.now() + 60_000),
      ...rest,
    };
  }

  async admit(changes: Parameters<Ingress['intent']>[0] = {}): Promise<Intent> {
    const intent = await this.intent(changes);
    await this.append(callAdmitted, intent, intent.session);
    return intent;
  }

  async refuse(changes: Parameters<Ingress['intent']>[0] = {}, rule = 'no-vault'): Promise<Intent> {
    const { deadline: _, ...intent } = await this.intent(changes);
    const decision = { ...intent.decision, effect: 'refuse' as const, rules: [{ id: rule, effect: 'refuse' as const, reason: 'The vault stays closed.' }] };
    await this.append(callRefused, { ...intent, decision, reason: 'The vault stays closed.' }, intent.session);
    return { ...intent, deadline: '' };
  }

  async hold(changes: Parameters<Ingress['intent']>[0] = {}): Promise<Intent & { approval: string }> {
    const { deadline: _, ...intent } = await this.intent(changes);
    const decision = {
      ...intent.decision,
      effect: 'hold' as const,
      rules: [{ id: 'ask-first', effect: 'hold' as const, reason: 'A person looks first.' }],
      obligations: { approve: { quorum: 1, expires_s: 600 } },
    };
    const approval = { id: newUlid(), binding: 'binding', nonce: 'nonce', expires: timestamp(Date.now() + 600_000), quorum: 1 };
    await this.append(callHeld, { ...intent, decision, approval }, intent.session);
    return { ...intent, deadline: '', approval: approval.id };
  }

  async append<D extends EventDeclaration>(declaration: D, data: EventData<D> & { call: string }, session: string, more: { id?: string } = {}): Promise<RecordedEvent> {
    return this.writer.append({ declaration, subject: `call-${data.call}`, key: session, data, ...more });
  }

  /** Ends the process in order. Its calls stay as they are. */
  async close(): Promise<void> {
    this.ending ??= this.end();
    await this.ending;
  }

  /** Ends the process as SIGKILL does: nothing more of it reaches the log. */
  async die(): Promise<void> {
    this.line.whole = false;
    await this.close();
  }

  private async end(): Promise<void> {
    await this.writer.close();
    await this.log.close();
  }
}

/** The log, until the line is cut. */
function cuttable(log: EventLog, line: { whole: boolean }): EventLog {
  const append: EventLog['append'] = async (batch, deadline): Promise<readonly AppendResult[]> =>
    line.whole ? log.append(batch, deadline) : batch.map(() => ({ outcome: 'refused', error: new Error('the process is dead'), transient: true }));
  return new Proxy(log, {
    get: (target, member) => {
      if (member === 'append') return append;
      const value: unknown = Reflect.get(target, member);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

/** Waits until `look` answers something. Throws after the time with what was waited for. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined | false>, timeout_ms = 15_000): Promise<T> {
  const until = performance.now() + timeout_ms;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) throw new Error(`not within ${timeout_ms} ms: ${what}`, { cause: last });
    await sleep(50);
  }
}
