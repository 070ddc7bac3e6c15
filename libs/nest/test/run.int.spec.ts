import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Body, Controller, Get, Inject, Module, Param, Query, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { pino } from 'pino';
import { z } from 'zod';
import { policyActivated, policyDrafted } from '@customhouse/events/policy/events';
import type { EventSink } from '@customhouse/event-log/sink';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { conflict } from '@customhouse/http-contract/problem';
import { defineRoute, type BodyOf } from '@customhouse/http-contract/route';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { Caller, Public, type CallerIdentity } from '../src/access.js';
import type { BatchContext, EventContext } from '../src/event-context.js';
import { Handle } from '../src/handle.js';
import { ProblemError } from '../src/problem.js';
import { runServices, type Running } from '../src/run.js';
import type { ServiceDefinition } from '../src/service.js';
import { EVENT_SINK, SHUTDOWN } from '../src/tokens.js';

jest.setTimeout(30_000);

const databases = await Promise.all(Array.from({ length: 20 }, () => testPostgres()));
const operator = 'operator-'.padEnd(40, 'k');
const group = 'policy.stage';
const topic = 'customhouse.policy';

const routes = {
  echo: defineRoute({
    method: 'POST',
    path: '/v1/policy/echo/:name',
    summary: 'Echo.',
    roles: ['operator'],
    params: z.strictObject({ name: z.string().min(2) }),
    query: z.strictObject({ times: z.coerce.number().int().min(1).default(1) }),
    body: z.strictObject({ text: z.string(), deep: z.strictObject({ number: z.number() }) }),
    response: z.looseObject({}),
    status: 201,
    errors: [conflict],
  }),
};

@Controller()
class StageController {
  constructor(@Inject(SHUTDOWN) private readonly shutdown: AbortSignal) {}

  @Handle(routes.echo)
  echo(
    @Param({ schema: routes.echo.params }) params: unknown,
    @Query({ schema: routes.echo.query }) query: unknown,
    @Body({ schema: routes.echo.body }) body: BodyOf<typeof routes.echo>,
    @Caller() caller: CallerIdentity,
  ): unknown {
    if (body.text === 'conflict') throw new ProblemError(conflict, 'somebody was faster');
    if (body.text === 'bug') throw new TypeError('hunter2 is not a function');
    return { params, query, body, person: caller.person };
  }

  @Get('v1/policy/forgotten')
  forgotten(): string {
    return 'nobody thought about who may see this';
  }

  @Get('v1/policy/endless')
  @Public()
  endless(): Promise<string> {
    return new Promise(() => undefined);
  }

  @Get('v1/policy/slow')
  @Public()
  async slow(): Promise<string> {
    await sleep(600);
    return this.shutdown.aborted ? 'finished during the shutdown' : 'finished';
  }
}

interface Stage {
  readonly service: ServiceDefinition;
  readonly seen: string[];
}

/** A service with the given handlers of events. */
function stage(make: (seen: string[]) => Type[], consumers: ServiceDefinition['consumers'] = [{ group, topics: [topic] }]): Stage {
  const seen: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-nest-'));
  folders.push(folder);
  writeFileSync(join(folder, '0001-things.sql'), 'create table things (id text primary key);');
  class StageModule {}
  Module({})(StageModule);
  const service: ServiceDefinition = {
    name: 'policy',
    settings: {},
    module: () => ({ module: StageModule, controllers: [StageController, ...make(seen)] }),
    migrations: pathToFileURL(`${folder}/`),
    routes,
    consumers,
  };
  return { service, seen };
}

const folders: string[] = [];
const open: Running[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((running) => running.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Closed at the end of the test. */
async function run(service: ServiceDefinition, changes: Record<string, string> = {}): Promise<Running> {
  const running = await launch(service, changes);
  open.push(running);
  return running;
}

async function launch(service: ServiceDefinition, changes: Record<string, string> = {}): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-nest-key-'));
  folders.push(folder);
  const key = join(folder, 'sealing.key');
  writeFileSync(key, randomBytes(32).toString('base64'), { mode: 0o600 });
  const { url } = databases.pop()!;
  const environment = {
    CUSTOMHOUSE_LOG_URL: url,
    CUSTOMHOUSE_DATABASE_URL: url,
    CUSTOMHOUSE_SEALING_KEY_FILE: key,
    CUSTOMHOUSE_INSTANCE: 'stage-1',
    CUSTOMHOUSE_API_PORT: '0',
    CUSTOMHOUSE_BOOTSTRAP_KEY: operator,
    ...changes,
  };
  return runServices({ services: [service], environment, logger: pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }) });
}

const publish = async (running: Running, number: number) =>
  running.get<EventSink>(EVENT_SINK).append({ declaration: policyActivated, subject: 'policy', key: 'policy', data: { number, digest: 'd', previous: null, by: 'somebody' } });
const numberOf = (event: StoredEvent) => (event.data as { number: number }).number;

async function eventually(what: string, look: () => unknown): Promise<void> {
  for (let waited = 0; !(await look()); waited += 20) {
    if (waited > 10_000) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
}

async function ask(running: Running, path: string, init: RequestInit & { key?: string } = {}) {
  const { key, ...rest } = init;
  const headers: Record<string, string> = {
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    ...(rest.body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const response = await fetch(running.apiUrl + path, { ...rest, headers: { ...headers, ...(rest.headers as Record<string, string>) } });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? (JSON.parse(text) as Record<string, any>) : text };
}

describe('event handlers', () => {
  it('get the events of their type and of *, in order, each within the transaction of its position', async () => {
    const { service, seen } = stage((notes) => {
      @Controller()
      class Consumer {
        @EventPattern<string>('policy.version.activated', Symbol.for(group))
        async onActivated(@Payload() event: StoredEvent, @Ctx() context: EventContext): Promise<void> {
          await context.tx.query('insert into things (id) values ($1)', [event.id]);
          context.afterCommit(() => notes.push(`activated ${numberOf(event)} at ${context.position.offset}`));
        }
        @EventPattern<string>('*', Symbol.for(group))
        onAnything(@Payload() event: StoredEvent, @Ctx() context: EventContext): void {
          context.afterCommit(() => notes.push(`anything ${event.type}`));
        }
        @EventPattern<string>('policy.version.drafted', Symbol.for(group))
        onDrafted(): void {
          notes.push('drafted');
        }
        @EventPattern<string>('policy.version.activated', Symbol.for('policy.another'))
        onElsewhere(): void {
          notes.push('elsewhere');
        }
      }
      return [Consumer];
    });
    const running = await run(service);
    await publish(running, 1);
    await publish(running, 2);
    await eventually('both are seen', () => seen.length === 4);
    expect(seen).toEqual(['activated 1 at 0', 'anything policy.version.activated', 'activated 2 at 1', 'anything policy.version.activated']);
    expect(policyDrafted.topic).toBe(topic);
  });

  it('of one type, in several controllers, all get it', async () => {
    const { service, seen } = stage((notes) =>
      ['one', 'two', 'three'].map((name) => {
        @Controller()
        class Consumer {
          @EventPattern<string>('policy.version.activated', Symbol.for(group))
          async onActivated(): Promise<void> {
            notes.push(name);
          }
        }
        return Consumer;
      }),
    );
    const running = await run(service);
    await publish(running, 1);
    await eventually('all have it', () => seen.length === 3);
    expect(seen.toSorted()).toEqual(['one', 'three', 'two']);
  });

  it('that take batches get what came together', async () => {
    const { service, seen } = stage((notes) => {
      @Controller()
      class Consumer {
        @EventPattern<string>('*', Symbol.for(group), { batch: true })
        async onAll(@Payload() events: readonly StoredEvent[], @Ctx() context: BatchContext): Promise<void> {
          await context.tx.query('select 1');
          notes.push(...events.map((event) => String(numberOf(event))));
        }
      }
      return [Consumer];
    });
    const running = await run(service);
    for (let number = 1; number <= 5; number += 1) await publish(running, number);
    await eventually('all are seen', () => seen.length === 5);
    expect(seen).toEqual(['1', '2', '3', '4', '5']);
  });

  it('that throw lose nothing: the record is put aside, counted and published, and the rest goes on', async () => {
    const { service, seen } = stage((notes) => {
      @Controller()
      class Consumer {
        @EventPattern<string>('policy.version.activated', Symbol.for(group))
        async onActivated(@Payload() event: StoredEvent, @Ctx() context: EventContext): Promise<void> {
          if (numberOf(event) === 2) throw new RangeError('two is too many');
          context.afterCommit(() => notes.push(String(numberOf(event))));
        }
      }
      return [Consumer];
    });
    const running = await run(service);
    for (const number of [1, 2, 3]) await publish(running, number);
    await eventually('the others are seen', () => seen.length === 2);
    expect(seen).toEqual(['1', '3']);
    await eventually('it is counted', async () =>
      String((await ask(running, '/metrics', { key: operator })).body).includes(`customhouse_dead_letters_total{group="${group}",topic="${topic}",instance="stage-1"} 1`),
    );
    // An answer is given again for a moment, so the first one may still be of the start.
    await eventually('the process is ready', async () => (await ask(running, '/health/ready')).status === 200);
  });

  it('that are not there are a mistake which ends the start', async () => {
    const { service } = stage(() => []);
    await expect(run(service)).rejects.toThrow(`the consumer group ${group} has no handler`);
  });

  it('that want to answer are a mistake which ends the start', async () => {
    const { service } = stage(() => {
      @Controller()
      class Consumer {
        @MessagePattern('policy.version.activated', Symbol.for(group))
        onActivated(): string {
          return 'an answer';
        }
      }
      return [Consumer];
    });
    await expect(run(service)).rejects.toThrow('there is no request and reply over the log');
  });
});

const quiet = () => stage(() => [], []);

describe('the control API', () => {
  let running: Running;
  beforeAll(async () => {
    running = await launch(quiet().service);
    await running.ready;
  });
  afterAll(() => running.close());

  it('serves a declared route with its schemas, roles and status', async () => {
    const body = JSON.stringify({ text: 'hello', deep: { number: 1 } });
    expect(await ask(running, '/v1/policy/echo/alice?times=3', { method: 'POST', key: operator, body })).toMatchObject({
      status: 201,
      body: { params: { name: 'alice' }, query: { times: 3 }, body: { text: 'hello', deep: { number: 1 } }, person: 'bootstrap-operator' },
    });
  });

  it('answers every fault of a request at once, as problem+json', async () => {
    const answer = await ask(running, '/v1/policy/echo/a?times=0', { method: 'POST', key: operator, body: JSON.stringify({ text: 1, deep: { number: 'x' }, more: true }) });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const pointers = (answer.body as Record<string, any>)['problems'].map((problem: { pointer: string }) => problem.pointer);
    expect(pointers.length).toBeGreaterThan(0);
    expect(pointers.every((pointer: string) => /^\/(path|query|body)/.test(pointer))).toBe(true);
  });

  it.each<[string, RequestInit & { key?: string }, number, string]>([
    ['malformed JSON', { method: 'POST', key: operator, body: '{"text": ' }, 400, 'invalid-request'],
    ['another medium', { method: 'POST', key: operator, body: '<x/>', headers: { 'content-type': 'application/xml' } }, 415, 'invalid-request'],
    ['a body that is too long', { method: 'POST', key: operator, body: JSON.stringify({ text: 'x'.repeat(1_100_000) }) }, 413, 'too-large'],
    ['a conflict', { method: 'POST', key: operator, body: JSON.stringify({ text: 'conflict', deep: { number: 1 } }) }, 409, 'conflict'],
    ['a bug', { method: 'POST', key: operator, body: JSON.stringify({ text: 'bug', deep: { number: 1 } }) }, 500, 'internal'],
    ['no key', { method: 'POST', body: '{}' }, 401, 'unauthenticated'],
  ])('answers %s', async (_, init, status, code) => {
    const answer = await ask(running, '/v1/policy/echo/alice', init);
    expect([answer.status, (answer.body as Record<string, any>)['code']]).toEqual([status, code]);
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  });

  it('is closed where nobody said who may come in', async () => {
    expect((await ask(running, '/v1/policy/forgotten')).status).toBe(403);
    expect((await ask(running, '/v1/policy/forgotten', { key: operator })).status).toBe(403);
  });

  it('describes itself, and tells its health without a key but not its metrics', async () => {
    expect((await ask(running, '/openapi.json')).body).toMatchObject({ openapi: '3.1.1', paths: { '/v1/policy/echo/{name}': { post: { tags: ['policy'] } } } });
    expect((await ask(running, '/health/live')).body).toEqual({ status: 'ok' });
    expect((await ask(running, '/health/ready')).body).toMatchObject({
      status: 'ok',
      checks: { 'policy-database': { status: 'ok' }, log: { status: 'ok' }, keys: { status: 'ok' } },
    });
    expect((await ask(running, '/metrics')).status).toBe(401);
    expect(String((await ask(running, '/metrics', { key: operator })).body)).toContain('customhouse_process_cpu_seconds_total');
  });
});

describe('a process', () => {
  it('lets running requests end when it is closed, tells it is stopping, and takes no more', async () => {
    const running = await run(quiet().service);
    await running.ready;
    const slow = ask(running, '/v1/policy/slow');
    await sleep(100);
    const began = performance.now();
    const closing = running.close();
    expect((await slow).body).toBe('finished during the shutdown');
    await closing;
    expect(performance.now() - began).toBeLessThan(5_000);
    await expect(fetch(running.apiUrl)).rejects.toThrow();
  });

  it('cuts off a request that does not end, and is closed within its time', async () => {
    const running = await run(quiet().service, { CUSTOMHOUSE_SHUTDOWN_TIMEOUT_MS: '1000' });
    await running.ready;
    const endless = fetch(`${running.apiUrl}/v1/policy/endless`).then(
      () => 'answered',
      () => 'cut off',
    );
    await sleep(100);
    const began = performance.now();
    await running.close();
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(await endless).toBe('cut off');
  });

  it('that cannot listen says which port is taken and what to do', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await expect(run(quiet().service, { CUSTOMHOUSE_API_PORT: String(port) })).rejects.toThrow(
      `127.0.0.1:${port}: the port is in use. Stop what uses it, or set CUSTOMHOUSE_API_PORT`,
    );
    taken.close();
  });

  it('whose database is down says so, without the password, after the time that it may take', async () => {
    const start = run(quiet().service, { CUSTOMHOUSE_DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/none', CUSTOMHOUSE_START_TIMEOUT_MS: '300' });
    await expect(start).rejects.toThrow(/the database did not answer for 300 ms .*CUSTOMHOUSE_DATABASE_URL/);
    await expect(start).rejects.not.toThrow(/hunter2/);
  });

  it('whose log is down says so', async () => {
    await expect(run(quiet().service, { CUSTOMHOUSE_LOG_URL: 'postgres://user:hunter2@127.0.0.1:1/none', CUSTOMHOUSE_START_TIMEOUT_MS: '300' })).rejects.toThrow(
      /the log did not answer for 300 ms .*CUSTOMHOUSE_LOG_URL/,
    );
  });

  it('that may not create topics says which ones are missing', async () => {
    await expect(run(quiet().service, { CUSTOMHOUSE_CREATE_TOPICS: 'false' })).rejects.toThrow(/the log has no topic customhouse\.calls, .*CUSTOMHOUSE_CREATE_TOPICS=true/);
  });

  it('whose key file is open to others does not start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'customhouse-nest-'));
    folders.push(folder);
    writeFileSync(join(folder, 'key'), randomBytes(32).toString('base64'), { mode: 0o644 });
    await expect(run(quiet().service, { CUSTOMHOUSE_SEALING_KEY_FILE: join(folder, 'key') })).rejects.toThrow('chmod 600');
  });
});
