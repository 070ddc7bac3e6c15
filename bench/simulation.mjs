// How long a simulation takes over recorded calls: npm run bench:simulation [-- --calls 100000] [-- --json]
//
// A policy service as it runs, with its database and a log on PostgreSQL; the database has one core and the service the other. Calls are
// written to the log as an ingress records them, with sealed arguments, by 50 agents to 40 tools. Then two versions decide them again: one whose
// rules look at arguments of every call, so that each is opened, and one whose rules look at none.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { callAdmitted } from '@customhouse/events/call/events';
import { EventWriter } from '@customhouse/event-log/event-writer';
import { openLog } from '@customhouse/event-log/open-log';
import { logSettings } from '@customhouse/event-log/settings';
import { canonicalise } from '@customhouse/kernel/canonical';
import { timestamp } from '@customhouse/kernel/time';
import { KeyEncryptionKey } from '@customhouse/sealing/key-encryption-key';
import { createSealer } from '@customhouse/sealing/node-sealer';
import { newUlid } from '@customhouse/sealing/random';
import { loadSettings } from '@customhouse/settings/settings';
import { measuredCore, otherCore, start, stopAll } from './processes.mjs';

const { values: options } = parseArgs({ options: { calls: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false } } });
const calls = Number(options.calls);
const agents = 50;
const tools = 40;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const say = (line) => process.stderr.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), 'customhouse-bench-'));

const candidates = {
  'looks at arguments of every call': [
    { id: 'reads', effect: 'allow', reason: 'It reads.', tools: ['*/*'] },
    { id: 'not-secret', effect: 'refuse', reason: 'Secrets stay.', tools: ['*/*'], when: [{ argument: '/path', is: 'like', value: '*/7*' }] },
  ],
  'looks at no arguments': [
    { id: 'reads', effect: 'allow', reason: 'It reads.', tools: ['*/*'], labels: ['read-only'] },
    { id: 'waits', effect: 'hold', reason: 'Somebody looks first.', tools: ['files/tool-1*'] },
  ],
};

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** The policy service, ready, and how to ask it. */
async function startPolicy(urls) {
  const operator = `chk_bootstrap_${randomBytes(32).toString('base64url')}`;
  const sealing = join(folder, 'sealing-key');
  writeFileSync(sealing, randomBytes(32).toString('base64url'), { mode: 0o600 });
  const api = `http://127.0.0.1:${await freePort()}`;
  const service = start('policy', measuredCore, [here('../services/policy/dist/main.js')], {
    CUSTOMHOUSE_LOG_URL: urls.log,
    CUSTOMHOUSE_DATABASE_URL: urls.policy,
    CUSTOMHOUSE_SEALING_KEY_FILE: sealing,
    CUSTOMHOUSE_BOOTSTRAP_KEY: operator,
    CUSTOMHOUSE_API_PORT: new URL(api).port,
    CUSTOMHOUSE_LOG_LEVEL: 'warn',
  });
  const ask = async (method, path, body) => {
    const headers = { authorization: `Bearer ${operator}`, 'content-type': 'application/json' };
    const response = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  };
  await until(600, async () => (await Promise.race([service.failed, fetch(`${api}/health/ready`).catch(() => undefined)]))?.ok === true);
  return { ask, sealing };
}

async function until(tries, isSo) {
  for (let left = tries; left > 0; left -= 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('waited in vain');
}

/** Writes the calls to the log. */
async function record(url, sealingFile, policy) {
  const log = await openLog(loadSettings(logSettings, { CUSTOMHOUSE_LOG_URL: url }, () => ''));
  const writer = new EventWriter({ log, service: 'ingress', instance: 'bench' });
  await writer.start();
  const kek = new KeyEncryptionKey(Buffer.from(readFileSync(sealingFile, 'utf8'), 'base64url'));
  const sealer = createSealer({ kek, sink: writer, catchUp: async () => undefined });
  for (let first = 0; first < calls; first += 1_000) {
    const batch = Array.from({ length: Math.min(1_000, calls - first) }, (_, index) => first + index);
    await Promise.all(batch.map(async (number) => writer.append(await intent(sealer, policy, number), { timeout_ms: 60_000 })));
  }
  await writer.close();
  await log.close();
}

async function intent(sealer, policy, number) {
  const person = `person-${number % agents}@example.com`;
  const key = await sealer.keyFor(sealer.subjectOf('default', person));
  const tool = `tool-${number % tools}`;
  const session = `s-${number % 500}`;
  const time = Date.now();
  const data = {
    call: newUlid(),
    session,
    principal: { tenant: 'default', agent: `agent-${number % agents}`, person, groups: ['engineering', 'staff'], credential: { kind: 'key', id: 'bench' } },
    client: { name: 'claude-code', version: '2.1.0' },
    network: { address: '10.1.2.3' },
    method: 'tools/call',
    server: 'files',
    generation: 1,
    tool,
    exposed: `files__${tool}`,
    definition: null,
    labels: ['read-only'],
    arguments: sealer.seal(key, canonicalise({ path: `/home/ann/projects/${number}.txt`, text: 'x'.repeat(200), count: number })),
    findings: [],
    decision: { effect: 'allow', rules: [{ id: 'read-only-tools', effect: 'allow', reason: 'The tool only reads.' }], obligations: {}, policy },
    record: 'strict',
    deadline: timestamp(time + 30_000),
  };
  return { declaration: callAdmitted, subject: `call-${data.call}`, key: session, time, data };
}

/** Answers the seconds that it took, by the service's own clock, and what was found. */
async function simulate(ask, rules) {
  const { number } = await ask('POST', '/v1/policy/versions', { rules: { version: 1, rules }, note: 'bench' });
  const { id } = await ask('POST', '/v1/policy/simulations', { version: number });
  let simulation;
  await until(3_000, async () => (simulation = await ask('GET', `/v1/policy/simulations/${id}`)).state !== 'running');
  if (simulation.state !== 'finished') throw new Error(`the simulation ${simulation.state}: ${simulation.problem}`);
  const { report, started, finished } = simulation;
  if (report.calls !== calls || report.erased + report.unreadable > 0) throw new Error(`not every call was decided again: ${JSON.stringify(report)}`);
  return { seconds: (Date.parse(finished) - Date.parse(started)) / 1_000, changed: calls - report.unchanged };
}

try {
  const database = start('database', otherCore, [here('database.mjs'), join(folder, 'postgres'), 'log', 'policy']);
  const urls = JSON.parse(await database.line());
  const { ask, sealing } = await startPolicy(urls);
  const { number, digest } = await ask('GET', '/v1/policy/active');
  const begun = performance.now();
  await record(urls.log, sealing, { number, digest });
  say(`${calls} calls are in the log after ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  const client = new pg.Client({ connectionString: urls.policy });
  await client.connect();
  await until(3_000, async () => Number((await client.query('select count(*) as count from policy.history')).rows[0].count) === calls);
  await client.end();
  say(`and in the history after ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  const result = { calls };
  for (const [name, rules] of Object.entries(candidates)) {
    const { seconds, changed } = await simulate(ask, rules);
    result[name] = { seconds, calls_per_second: Math.round(calls / seconds), changed };
    say(`${name}: ${seconds} s`);
  }
  console.log(options.json ? JSON.stringify(result) : JSON.stringify(result, undefined, 2));
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
