// Where the time of a CPU profile goes, by the part of the code that caused it: `node bench/profile.mjs FILE.cpuprofile`, of a profile
// that `npm run bench -- --only strict_kafka --profile DIR` wrote. Looks at the six busiest seconds, which are those of the full load.
import { readFileSync } from 'node:fs';

const window_us = 6_000_000;

/** In this order: work counts for the first part that is found on the way from the function up to its callers. */
const parts = [
  ['policy', /opa-wasm|libs\/policy-engine|domain\/admit|^wasm:/],
  ['sealing and keyed digests', /libs\/sealing/],
  ['Kafka client', /@platformatic|event-log\/dist\/kafka|fastq/],
  ['writer of the log, canonical JSON, hashes', /libs\/event-log|kernel\/dist\/canonical/],
  ['detectors', /libs\/detectors|re2js|ingress\/dist\/inspector|mcp\/inspect/],
  ['HTTP to the server', /undici|libs\/upstream|ingress\/dist\/upstreams/],
  ['identity and session', /libs\/identity|mcp\/identify|mcp\/sessions\//],
  ['reading and checking bodies, writing answers', /mcp\/http\/|mcp\/answers\/(reply|dialect)|libs\/mcp-wire/],
  ['metrics', /metrics|prom-client/],
  ['stages of a call and their records', /services\/ingress/],
];

const profile = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
const callers = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
const isIdle = (id) => nodes.get(id).callFrame.functionName === '(idle)';

function partOf(id) {
  for (let at = id; at !== undefined; at = callers.get(at)) {
    const { url } = nodes.get(at).callFrame;
    const found = parts.find(([, pattern]) => pattern.test(url));
    if (found) return found[0];
  }
  const { functionName, url } = nodes.get(id).callFrame;
  if (functionName === '(garbage collector)') return 'garbage collection on the main thread';
  return url.startsWith('node:') || url === '' ? 'Node itself: sockets, HTTP of clients, promises' : 'the rest';
}

/** First and last sample of the busiest window. */
function busiest() {
  const times = [];
  let now = 0;
  for (const delta of profile.timeDeltas) times.push((now += delta));
  let best = { busy: 0, first: 0, last: 0 };
  let busy = 0;
  for (let first = 0, last = 0; last < times.length; last += 1) {
    if (!isIdle(profile.samples[last])) busy += profile.timeDeltas[last];
    for (; times[last] - times[first] > window_us; first += 1) if (!isIdle(profile.samples[first])) busy -= profile.timeDeltas[first];
    if (busy > best.busy) best = { busy, first, last };
  }
  return best;
}

const { busy, first, last } = busiest();
const shares = new Map();
for (let index = first; index <= last; index += 1) {
  const id = profile.samples[index];
  if (!isIdle(id)) shares.set(partOf(id), (shares.get(partOf(id)) ?? 0) + profile.timeDeltas[index]);
}
for (const [part, spent] of [...shares].sort(([, a], [, b]) => b - a)) console.log(`${((spent / busy) * 100).toFixed(1).padStart(5)} %  ${part}`);
