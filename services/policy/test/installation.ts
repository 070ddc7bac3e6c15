import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { pino } from 'pino';
import { directoryKeyPublished, type Role } from '@customhouse/events/registry/events';
import { decode } from '@customhouse/event-log/decode';
import { EventWriter } from '@customhouse/event-log/event-writer';
import { openLog } from '@customhouse/event-log/open-log';
import type { EventLog } from '@customhouse/event-log/port';
import { logSettings } from '@customhouse/event-log/settings';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { TopicAdmin } from '@customhouse/event-log/topics';
import { generateKey } from '@customhouse/identity/api-key';
import { timestamp } from '@customhouse/kernel/time';
import { runServices, type Running } from '@customhouse/nest/run';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { loadSettings } from '@customhouse/settings/settings';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { policyService } from '../src/service.js';

export interface Answer<Body = any> {
  readonly status: number;
  readonly body: Body;
}

/** The policy service as it runs, with databases of its own, and what stands around it: the log and somebody who issues keys. */
export class Installation {
  service!: Running;
  operator = '';
  /** What the service logged, parsed. */
  readonly logged: any[] = [];
  private readonly running: Running[] = [];
  private opened: Promise<EventLog & TopicAdmin> | undefined;

  private constructor(
    readonly environment: Record<string, string>,
    readonly folder: string,
  ) {}

  static async prepare(settings: Record<string, string> = {}): Promise<Installation> {
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-policy-'));
    const sealingKeyFile = join(folder, 'sealing.key');
    writeFileSync(sealingKeyFile, randomBytes(32).toString('base64'), { mode: 0o600 });
    const environment = {
      CUSTOMHOUSE_LOG_URL: (await testPostgres()).url,
      CUSTOMHOUSE_DATABASE_URL: (await testPostgres()).url,
      CUSTOMHOUSE_SEALING_KEY_FILE: sealingKeyFile,
      CUSTOMHOUSE_INSTANCE: 'policy-1',
      CUSTOMHOUSE_API_PORT: '0',
      ...settings,
    };
    return new Installation(environment, folder);
  }

  static async start(settings: Record<string, string> = {}): Promise<Installation> {
    const installation = await Installation.prepare(settings);
    await installation.startService();
    installation.operator = await installation.key('olga', ['operator']);
    return installation;
  }

  async startService(changes: Record<string, string> = {}): Promise<void> {
    this.service = await this.run(changes);
    await this.service.ready;
  }

  /** A process that hosts the service. */
  async run(changes: Record<string, string> = {}): Promise<Running> {
    const lines = new Writable({
      write: (chunk: Buffer, _, done) => {
        for (const line of chunk.toString().split('\n')) if (line !== '') this.logged.push(JSON.parse(line));
        done();
      },
    });
    const running = await runServices({ services: [policyService], environment: { ...this.environment, ...changes }, logger: pino({ level: 'info' }, lines) });
    this.running.push(running);
    return running;
  }

  async restart(changes: Record<string, string> = {}): Promise<void> {
    await this.service.close();
    await this.startService(changes);
  }

  /** Issues a key and waits until the service knows it. */
  async key(person: string, roles: readonly Role[]): Promise<string> {
    const { id, hash, presented } = generateKey();
    const writer = new EventWriter({ log: await this.log(), service: 'registry', instance: 'registry-1' });
    await writer.start();
    const data = { id, hash, tenant: 'default', agent: 'console', person, groups: [], roles: [...roles], created: timestamp(Date.now()), expires: null, revoked: false };
    await writer.append({ declaration: directoryKeyPublished, subject: `key-${id}`, key: `key/${id}`, data });
    await writer.close();
    await eventually(`the key of ${person} is known`, async () => (await this.ask('GET', '/v1/policy/active', undefined, presented)).status !== 401);
    return presented;
  }

  async ask(method: string, path: string, body?: unknown, key = this.operator): Promise<Answer> {
    const response = await fetch(this.service.apiUrl + path, {
      method,
      headers: { ...(key === '' ? {} : { authorization: `Bearer ${key}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Stores rules, and answers the number of the version. */
  async draft(rules: unknown, more: object = {}): Promise<number> {
    const { status, body } = await this.ask('POST', '/v1/policy/versions', { rules, ...more });
    if (status !== 201) throw new Error(`the draft was refused: ${JSON.stringify(body)}`);
    return body.number;
  }

  async activate(number: number, body: object = {}): Promise<Answer> {
    return this.ask('POST', `/v1/policy/versions/${number}/activate`, body);
  }

  async activeNumber(): Promise<number> {
    return (await this.ask('GET', '/v1/policy/active')).body.number;
  }

  /** What an ingress would follow, by key. */
  async published(): Promise<Map<string, StoredEvent<any>>> {
    const { records } = await (await this.log()).readState('customhouse.state.policy');
    return new Map(records.map((record) => [record.key, decode(record)]));
  }

  async publishedVersion(number: number): Promise<PolicyVersion> {
    return eventually(`version ${number} is published`, async () => {
      const version = (await this.published()).get('active')?.data as PolicyVersion | undefined;
      return version?.number === number ? version : undefined;
    });
  }

  /** Everything on a topic, oldest first. */
  async told(topic: string): Promise<StoredEvent<any>[]> {
    const log = await this.log();
    const over = new AbortController();
    const events: StoredEvent[] = [];
    for await (const batch of log.follow({ topics: [topic], from: new Map(), signal: over.signal, idle_ms: 50 })) {
      events.push(...batch.records.map((record) => decode(record)));
      if (batch.atEnd) over.abort();
    }
    return events;
  }

  /** Runs SQL in the schema of the service. */
  async sql<Row extends object = any>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.environment['CUSTOMHOUSE_DATABASE_URL'], options: '-c search_path=policy' });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** The log, as others see it. */
  log(): Promise<EventLog & TopicAdmin> {
    this.opened ??= openLog(loadSettings(logSettings, this.environment, () => ''));
    return this.opened;
  }

  /** From now on with another log, which is empty. */
  async loseLog(): Promise<void> {
    await (await this.opened)?.close();
    this.opened = undefined;
    this.environment['CUSTOMHOUSE_LOG_URL'] = (await testPostgres()).url;
  }

  async stop(): Promise<void> {
    for (const running of this.running) await running.close();
    await (await this.opened)?.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** Waits until `look` answers something. Throws after the time with what was waited for. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined | false>, timeout_ms = 15_000): Promise<T> {
  const deadline = performance.now() + timeout_ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${timeout_ms} ms in vain until ${what}`);
    await sleep(20);
  }
}
