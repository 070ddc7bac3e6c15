// A closed-loop load of `tools/call`: `node load.mjs URL TOOL CONCURRENCY SECONDS OPTIONS-JSON` opens an MCP session on each
// connection, warms up, then prints one JSON line: calls, errors, seconds, and the latency quantiles in milliseconds.
// Options: `bearer`; `sessions` in all, used in turn (one for each connection by default); `list`: tools/list instead of calls;
// `stream`: take answers as event streams only.
// It reports what an external clock sees; CPU is read by the harness from the operating system.
import { Client } from 'undici';

const [url, tool, concurrencyText, secondsText, optionsText] = process.argv.slice(2);
const { bearer, sessions: sessionCount, list = false, stream = false } = JSON.parse(optionsText ?? '{}');
const concurrency = Number(concurrencyText);
const seconds = Number(secondsText);
const target = new URL(url);
const base = {
  'content-type': 'application/json',
  accept: stream ? 'text/event-stream' : 'application/json, text/event-stream',
  ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
};

async function post(client, headers, message) {
  const { statusCode, headers: answered, body } = await client.request({ path: target.pathname, method: 'POST', headers, body: JSON.stringify(message) });
  return { statusCode, answered, text: await body.text() };
}

async function openSession(client) {
  const { statusCode, answered, text } = await post(client, base, {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'customhouse-bench', version: '1.0.0' } },
  });
  if (statusCode !== 200) throw new Error(`initialize answered ${statusCode}: ${text.slice(0, 300)}`);
  const headers = { ...base, 'mcp-protocol-version': '2025-11-25', ...(answered['mcp-session-id'] ? { 'mcp-session-id': answered['mcp-session-id'] } : {}) };
  await post(client, headers, { jsonrpc: '2.0', method: 'notifications/initialized' });
  return headers;
}

/** A connection with its share of the sessions. */
async function connect() {
  const client = new Client(target.origin, { pipelining: 1, keepAliveTimeout: 120_000 });
  const sessions = [];
  for (let n = 0; n < Math.max(1, Math.round((sessionCount ?? concurrency) / concurrency)); n += 1) sessions.push(await openSession(client));
  return { client, sessions };
}

// About 294 bytes with the JSON-RPC frame around it, and never the same twice.
const text = 'The quick brown fox jumps over the lazy dog. '.repeat(4).slice(0, 160);
let id = 1;

function nextBody() {
  id += 1;
  if (list) return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params: {} });
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: tool, arguments: { message: `${id} ${text}` } } });
}

const latencies = new Float64Array(4_000_000);
let calls = 0;
let errors = 0;
let firstError;
let recording = false;
let stopAt = Infinity;

const sign = list ? '"inputSchema"' : 'Echo: ';

async function run({ client, sessions }) {
  for (let turn = 0; performance.now() < stopAt; turn += 1) {
    const body = nextBody();
    const started = performance.now();
    const { statusCode, body: answered } = await client.request({ path: target.pathname, method: 'POST', headers: sessions[turn % sessions.length], body });
    const answer = await answered.text();
    if (recording) {
      if (statusCode !== 200 || !answer.includes(sign)) {
        errors += 1;
        firstError ??= `${statusCode} ${answer.slice(0, 300)}`;
      } else latencies[calls++] = performance.now() - started;
    }
  }
}

const connections = await Promise.all(Array.from({ length: concurrency }, connect));
const loops = connections.map(run);
await new Promise((resolve) => setTimeout(resolve, 2000));
recording = true;
console.log('measuring');
const begun = performance.now();
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
recording = false;
const took = (performance.now() - begun) / 1000;
console.log('measured');
stopAt = 0;
await Promise.all(loops);
await Promise.all(connections.map(({ client }) => client.close()));
const sorted = latencies.subarray(0, calls).sort();
const quantile = (q) => Number((sorted[Math.min(calls - 1, Math.floor(calls * q))] ?? NaN).toFixed(3));
console.log(JSON.stringify({ calls, errors, firstError, seconds: took, p50: quantile(0.5), p99: quantile(0.99) }));
