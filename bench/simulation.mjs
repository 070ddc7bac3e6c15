// How long a simulation takes over recorded calls: npm run bench:simulation [-- --calls 100000] [-- --json]
//
// A policy service as it runs, with its database and a log on PostgreSQL; the database has one core and the service the other. Calls are
// written to the log as an ingress records them, with sealed arguments, by 50 agents to 40 tools. Then two versions decide them again: one whose
// rules look at arguments of every call, so that each is opened, and one whose rules look at none. Meanwhile the service is asked something else
// every 50 ms.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { cpuMicroseconds, otherCore, start, stopAll } from './processes.mjs';
import { askPolicy, here, intentOf, openRecorder, startPolicy, until } from './recorded-calls.mjs';

const { values: options } = parseArgs({ options: { calls: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false } } });
const calls = Number(options.calls);
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

/** Writes the calls to the log. */
async function record(url, sealingFile, version) {
  const { writer, sealer, close } = await openRecorder(url, sealingFile);
  for (let first = 0; first < calls; first += 1_000) {
    const batch = Array.from({ length: Math.min(1_000, calls - first) }, (_, index) => first + index);
    await Promise.all(batch.map(async (number) => writer.append(await intentOf(sealer, version, number), { timeout_ms: 60_000 })));
  }
  await close();
}

/** Answers the seconds that it took, by the service's own clock, and of the processor, and what was found. */
async function simulate(ask, pid, rules) {
  const { number } = await ask('POST', '/v1/policy/versions', { rules: { version: 1, rules }, note: 'bench' });
  const before = cpuMicroseconds(pid);
  const { id } = await ask('POST', '/v1/policy/simulations', { version: number });
  let simulation;
  let over = false;
  const answers = answerTimes(ask, () => over);
  await until(3_000, async () => (simulation = await ask('GET', `/v1/policy/simulations/${id}`)).state !== 'running');
  over = true;
  const [slowest, usual] = await answers;
  if (simulation.state !== 'finished') throw new Error(`the simulation ${simulation.state}: ${simulation.problem}`);
  const { report, started, finished } = simulation;
  if (report.calls !== calls || report.erased + report.unreadable > 0) throw new Error(`not every call was decided again: ${JSON.stringify(report)}`);
  const cpu_seconds = Math.round((cpuMicroseconds(pid) - before) / 100_000) / 10;
  return { seconds: (Date.parse(finished) - Date.parse(started)) / 1_000, cpu_seconds, changed: calls - report.unchanged, answer_ms: { usual, slowest } };
}

/** How long the service took for answers to something else until it is over: the longest and the median, in milliseconds. */
async function answerTimes(ask, isOver) {
  const times = [];
  while (!isOver()) {
    const asked = performance.now();
    await ask('GET', '/v1/policy/active');
    times.push(Math.round(performance.now() - asked));
    await sleep(50);
  }
  times.sort((one, other) => one - other);
  return [times.at(-1), times[times.length >> 1]];
}

try {
  const database = start('database', otherCore, [here('database.mjs'), join(folder, 'postgres'), 'log', 'policy']);
  const urls = JSON.parse(await database.line());
  const policy = await startPolicy(urls, folder, `chk_bootstrap_${randomBytes(32).toString('base64url')}`);
  const ask = askPolicy(policy);
  const { number, digest } = await ask('GET', '/v1/policy/active');
  const begun = performance.now();
  await record(urls.log, policy.sealing, { number, digest });
  say(`${calls} calls are in the log after ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  const client = new pg.Client({ connectionString: urls.policy });
  await client.connect();
  await until(3_000, async () => Number((await client.query('select count(*) as count from policy.history')).rows[0].count) === calls);
  await client.end();
  say(`and in the history after ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  const result = { calls };
  for (const [name, rules] of Object.entries(candidates)) {
    const { seconds, cpu_seconds, changed, answer_ms } = await simulate(ask, policy.service.pid, rules);
    result[name] = { seconds, cpu_seconds, calls_per_second: Math.round(calls / seconds), changed, answer_ms };
    say(`${name}: ${seconds} s`);
  }
  console.log(options.json ? JSON.stringify(result) : JSON.stringify(result, undefined, 2));
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
