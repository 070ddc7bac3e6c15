// What more of everything costs, each against the plain call of the same run: other kinds of requests, large results, 10,000 sessions,
// 10,000 tools. The bare proxy between the measurements takes out the drift of the machine.
import { fileURLToPath } from 'node:url';
import { measure, median } from './measure.mjs';
import { otherCore, start } from './processes.mjs';

const concurrency = 64;
const upstream = fileURLToPath(new URL('./stand-in-upstream.mjs', import.meta.url));

/** Cost in calls of the bare proxy, and the memory of the gateway process at the end. */
async function cost(name, target, proxy, { seconds, rounds, say }) {
  const costs = [];
  let memory_mib;
  for (let round = 0; round < rounds; round += 1) {
    const before = await measure({ ...proxy, concurrency, seconds });
    const ours = await measure({ ...target, concurrency, seconds });
    const after = await measure({ ...proxy, concurrency, seconds });
    const yardstick = (before.cpu_us + after.cpu_us) / 2;
    costs.push(ours.cpu_us / yardstick);
    memory_mib = ours.memory_mib;
    say(`  ${name}: ${ours.cpu_us} µs per request, ${ours.rps} a second, ${(ours.cpu_us / yardstick).toFixed(2)} bare proxies, ${memory_mib} MiB`);
  }
  return { cost: median(costs), memory_mib };
}

const round2 = (value) => Number(value.toFixed(2));

/**
 * `cost`: each row's CPU per request in bare proxies. `times`: cost of a plain call with many tools or sessions over that with few.
 * `memory_mib`: of the ingress with 10,000 sessions, before the 10,000 tools.
 */
export async function measureScale({ system, proxy, seconds, rounds, say }) {
  const measured = (name, target) => cost(name, target, proxy, { seconds, rounds, say });
  const call = await measured('call', system);
  const sessions = await measured('10,000 sessions', { ...system, sessions: 10_000 });
  const list = await measured('tools/list', { ...system, list: true });
  const stream = await measured('answers as event streams', { ...system, stream: true });
  const large = await measured('results of 100 KB', { ...system, tool: 'bench__big' });
  for (const name of ['many-a', 'many-b']) {
    const many = start(name, otherCore, [upstream, '5000']);
    await system.addServer(name, `http://127.0.0.1:${await many.line()}/mcp`, 'filler_0');
  }
  const tools = await measured('10,000 tools', system);
  return {
    cost: { call: round2(call.cost), list: round2(list.cost), stream: round2(stream.cost), result_100_kb: round2(large.cost) },
    times: { sessions_10000: round2(sessions.cost / call.cost), tools_10000: round2(tools.cost / call.cost) },
    memory_mib: { sessions_10000: sessions.memory_mib },
  };
}
