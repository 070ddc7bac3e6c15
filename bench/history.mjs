// What keeping the history of decisions costs: npm run bench:history [-- --calls 10000] [-- --json]
//
// A policy service as it runs, with a log and a database of its own on two PostgreSQL servers. Calls come to the log as an ingress records them,
// 500 a second, each with its intent and its outcome. What is told is the processor time of the service and of its database for 1,000 calls,
// without what both use when nothing comes: while no version runs in the shadow, and while one does.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { callCompleted } from '@customhouse/events/call/events';
import { cpuMicroseconds, otherCore, start, stopAll } from './processes.mjs';
import { askPolicy, here, intentOf, openRecorder, startPolicy, until } from './recorded-calls.mjs';

const { values: options } = parseArgs({ options: { calls: { type: 'string', default: '10000' }, json: { type: 'boolean', default: false } } });
const calls = Number(options.calls);
const every_ms = 100;
const atOnce = 50;
const idle_ms = 5_000;
const say = (line) => process.stderr.write(`${line}\n`);
const folder = mkdtempSync(join(tmpdir(), 'customhouse-bench-'));

/** The processes of a server: Node that started it, and PostgreSQL's own. */
function familyOf(pid) {
  const parents = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))[1]));
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error; // It has ended.
    }
  }
  const family = [pid];
  for (const one of family) for (const [child, parent] of parents) if (parent === one) family.push(child);
  return family;
}

const cpuOf = (pid) => familyOf(pid).reduce((sum, one) => sum + cpuMicroseconds(one), 0);

/** Writes the calls, at their pace. */
async function record({ writer, sealer }, version, first) {
  for (let number = first; number < first + calls; number += atOnce) {
    const next = sleep(every_ms);
    await Promise.all(
      Array.from({ length: Math.min(atOnce, first + calls - number) }, async (_, index) => {
        const intent = await intentOf(sealer, version, number + index);
        await writer.append(intent, { timeout_ms: 60_000 });
        const { call, principal } = intent.data;
        const result = sealer.seal(await sealer.keyFor(sealer.subjectOf('default', principal.person)), JSON.stringify({ content: [{ type: 'text', text: 'x'.repeat(200) }] }));
        const outcome = { call, error: false, result, findings: [], upstream_ms: 1 };
        await writer.append({ declaration: callCompleted, subject: intent.subject, key: intent.key, data: outcome }, { timeout_ms: 60_000 });
      }),
    );
    await next;
  }
}

try {
  const [logServer, database] = ['log', 'policy'].map((name) => start(name, otherCore, [here('database.mjs'), join(folder, name), name]));
  const lines = await Promise.all([logServer.line(), database.line()]);
  const urls = Object.assign({}, ...lines.map((line) => JSON.parse(line)));
  const policy = await startPolicy(urls, folder, `chk_bootstrap_${randomBytes(32).toString('base64url')}`);
  const ask = askPolicy(policy);
  const { number, digest } = await ask('GET', '/v1/policy/active');
  const recorder = await openRecorder(urls.log, policy.sealing);
  const client = new pg.Client({ connectionString: urls.policy });
  client.on('error', () => undefined); // What failed is told by the next query.
  await client.connect();
  const kept = async () => Number((await client.query('select count(*) as count from policy.history')).rows[0].count);
  const pids = { service: policy.service.pid, database: database.pid };
  const used = () => Object.entries(pids).map(([name, pid]) => [name, cpuOf(pid)]);

  const measure = async (first) => {
    const [before, beforeTime] = [used(), performance.now()];
    await sleep(idle_ms);
    const [idle, idleTime] = [used(), performance.now()];
    await record(recorder, { number, digest }, first);
    await until(3_000, async () => (await kept()) === first + calls);
    const [after, afterTime] = [used(), performance.now()];
    const share = (afterTime - idleTime) / (idleTime - beforeTime);
    return Object.fromEntries(
      after.map(([name, microseconds], place) => {
        const idling = idle[place][1] - before[place][1];
        return [`${name}_ms_per_1000_calls`, Math.round((microseconds - idle[place][1] - share * idling) / calls)];
      }),
    );
  };

  await record(recorder, { number, digest }, 0); // Warms up.
  await until(3_000, async () => (await kept()) === calls);
  const result = { calls, 'no shadow': await measure(calls) };
  await ask('POST', '/v1/policy/shadow', { version: number });
  result['a shadow'] = await measure(2 * calls);
  const { report } = await ask('DELETE', '/v1/policy/shadow');
  if (report.calls !== calls) say(`the shadow looked at ${report.calls} of ${calls} calls so far`);
  await client.end();
  await recorder.close();
  console.log(options.json ? JSON.stringify(result) : JSON.stringify(result, undefined, 2));
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
