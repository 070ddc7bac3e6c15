// What the gateway costs, as ratios in one run: npm run bench [-- --json] [--seconds 8] [--rounds 3] [--warm-up 20] [--only strict_kafka,scale] [--profile DIR]
//
// The measured process has a core to itself; upstream, load, database and broker share the other one. Processor time is what the
// operating system charged to that process (with all its threads) between the load's own marks. A ratio is the bare proxy's
// CPU per call over the gateway's, of neighbouring measurements, so that a machine whose speed drifts does not decide it. Before that the
// gateway works for `warm-up` seconds: the proxy is compiled after a second, a program of this size is not.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measure, median } from './measure.mjs';
import { measuredCore, otherCore, pinned, start, stopAll } from './processes.mjs';
import { measureScale } from './scale.mjs';
import { hasDocker, startDatabase, startEmbedded, startKafka, startServices } from './systems.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    'warm-up': { type: 'string', default: '20' },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const warmUp = Number(options['warm-up']);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const say = (line) => process.stderr.write(`${line}\n`);

const folder = mkdtempSync(join(tmpdir(), 'customhouse-bench-'));
const cleanUp = [];
const only = options.only?.split(',');
const wanted = (name) => !only || only.includes(name);
const { profile } = options;

async function latency(target) {
  const alone = await measure({ ...target, concurrency: 1, seconds });
  const busy = await measure({ ...target, concurrency: 64, seconds });
  return { alone, busy };
}

/** Proxy, gateway, proxy: the gateway's cost against the mean of its neighbours. */
async function compare(name, target, proxy) {
  await measure({ ...target, concurrency: 64, seconds: warmUp });
  const results = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = await measure({ ...proxy, concurrency: 64, seconds });
    const ours = await measure({ ...target, concurrency: 64, seconds });
    const after = await measure({ ...proxy, concurrency: 64, seconds });
    const yardstick = (before.cpu_us + after.cpu_us) / 2;
    results.push({ ...ours, yardstick, ratio: yardstick / ours.cpu_us });
    say(
      `  ${name}: ${ours.cpu_us} µs per call, ${ours.rps} calls/s, proxy ${yardstick.toFixed(1)} µs, ratio ${(yardstick / ours.cpu_us).toFixed(3)}, cores busy ${ours.cores_busy.join(' ')}, ${ours.memory_mib} MiB`,
    );
  }
  const alone = await measure({ ...target, concurrency: 1, seconds });
  return {
    ratio: Number(median(results.map((row) => row.ratio)).toFixed(3)),
    cpu_us: median(results.map((row) => row.cpu_us)),
    rps: median(results.map((row) => row.rps)),
    memory_mib: median(results.map((row) => row.memory_mib)),
    cores_busy: results.at(-1).cores_busy,
    alone,
    busy: { p50: median(results.map((row) => row.p50)), p99: median(results.map((row) => row.p99)) },
  };
}

const round3 = (value) => Number(value.toFixed(3));

async function main() {
  const upstream = start('upstream', otherCore, [here('stand-in-upstream.mjs')]);
  const upstreamUrl = `http://127.0.0.1:${await upstream.line()}/mcp`;
  const bare = start('bare proxy', measuredCore, [here('bare-proxy.mjs'), upstreamUrl]);
  const proxy = { url: `http://127.0.0.1:${await bare.line()}/mcp`, tool: 'echo', pid: bare.pid };
  const database = await startDatabase(folder, ['append', 'strict_kafka', 'relaxed_kafka', 'strict_embedded', 'relaxed_embedded', 'scale']);
  cleanUp.push(database.stop);
  const report = {
    machine: `${cpus()[0].model}, ${cpus().length} cores${pinned ? ', pinned' : ', NOT pinned'}`,
    node: process.version,
    seconds,
    rounds,
    warm_up: warmUp,
    ratio: {},
    cpu_us: {},
    added_ms: {},
    append_ms: {},
    rps: {},
    memory_mib: {},
    cores_busy: {},
  };

  say('direct and bare proxy');
  const direct = await latency({ url: upstreamUrl, tool: 'echo' });
  const proxied = await latency(proxy);
  report.cpu_us.bare_proxy = proxied.busy.cpu_us;
  report.rps = { direct: direct.busy.rps, bare_proxy: proxied.busy.rps };
  report.added_ms.bare_proxy = added(proxied.alone, proxied.busy, direct);

  const embedded = (name, relaxed) => () => startEmbedded({ upstream: upstreamUrl, database: database.urls[name], relaxed, profile });
  // Each with a broker and a database that nobody used before.
  const onKafka = (name, relaxed) => async () => {
    const kafka = await startKafka();
    cleanUp.push(kafka.stop);
    const system = await startServices({ upstream: upstreamUrl, database: database.urls[name], log: kafka.url, relaxed, profile });
    return { ...system, stop: () => system.stop().then(kafka.stop) };
  };
  report.append_ms.postgres = await append(database.urls.append);
  const docker = hasDocker();
  if (!docker) say('no Docker engine answers: the rows on Kafka are left out');
  const systems = [
    ...(docker
      ? [
          ['strict_kafka', onKafka('strict_kafka', false)],
          ['relaxed_kafka', onKafka('relaxed_kafka', true)],
        ]
      : []),
    ['strict_embedded', embedded('strict_embedded', false)],
    ['relaxed_embedded', embedded('relaxed_embedded', true)],
  ];

  for (const [name, launch] of systems) {
    if (!wanted(name)) continue;
    say(name);
    const system = await launch();
    const result = await compare(name, system, proxy);
    if (name === 'strict_kafka') report.append_ms.kafka = await append(system.log);
    await system.stop();
    report.ratio[name] = result.ratio;
    report.cpu_us[name] = result.cpu_us;
    report.rps[name] = result.rps;
    report.memory_mib[name] = result.memory_mib;
    report.cores_busy[name] = result.cores_busy;
    report.added_ms[name] = added(result.alone, result.busy, direct);
  }
  if (docker && wanted('scale')) {
    say('scale');
    const system = await onKafka('scale', false)();
    report.scale = await measureScale({ system, proxy, seconds, rounds, say });
    await system.stop();
  }
  return report;
}

function added(alone, busy, direct) {
  return {
    c1_p50: round3(alone.p50 - direct.alone.p50),
    c1_p99: round3(alone.p99 - direct.alone.p99),
    c64_p50: round3(busy.p50 - direct.busy.p50),
    c64_p99: round3(busy.p99 - direct.busy.p99),
  };
}

async function append(url) {
  return JSON.parse(await start('append', measuredCore, [here('append.mjs'), url]).line());
}

try {
  const report = await main();
  if (options.json) console.log(JSON.stringify(report));
  else console.log(JSON.stringify(report, undefined, 2));
} finally {
  await stopAll();
  for (const clean of cleanUp.reverse()) await clean();
  rmSync(folder, { recursive: true, force: true });
}
