// Puts the gateway together for a measurement: the measured process on one core, everything else on the other.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measuredCore, otherCore, pinned, start } from './processes.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const main = (place) => here(`../${place}/dist/main.js`);
/** Arguments of Node that make it write a CPU profile into a folder when it ends. */
const profiled = (folder) => (folder ? ['--cpu-prof', '--cpu-prof-dir', folder] : []);

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export function hasDocker() {
  return spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0;
}

function docker(...args) {
  const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`docker ${args[0]}: ${stderr}`);
  return stdout.trim();
}

/** One broker in a container on the other core. */
export async function startKafka() {
  const port = await freePort();
  const settings = {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
  };
  const id = docker(
    'run',
    '--detach',
    '--rm',
    ...(pinned ? ['--cpuset-cpus', String(otherCore)] : []),
    '--publish',
    `127.0.0.1:${port}:9092`,
    ...Object.entries(settings).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    'apache/kafka:4.3.1',
  );
  for (let tries = 0; ; tries += 1) {
    if (spawnSync('docker', ['exec', id, '/opt/kafka/bin/kafka-broker-api-versions.sh', '--bootstrap-server', '127.0.0.1:9092'], { stdio: 'ignore' }).status === 0) break;
    if (tries > 30) throw new Error(`Kafka did not start:\n${docker('logs', '--tail', '20', id)}`);
  }
  return { url: `kafka://127.0.0.1:${port}`, stop: () => void docker('rm', '--force', id) };
}

/** One PostgreSQL with a database of its own for each name. */
export async function startDatabase(folder, names) {
  const database = start('database', otherCore, [here('database.mjs'), join(folder, 'postgres'), ...names]);
  return { urls: JSON.parse(await database.line()), stop: database.stop };
}

const rules = {
  version: 1,
  rules: [
    { id: 'bench-reads', effect: 'allow', reason: 'The benchmark may read.', tools: ['bench/*', 'many-*/*'] },
    { id: 'bench-no-vault', effect: 'refuse', reason: 'Not about the vault.', tools: ['bench/*'], when: [{ argument: '/message', is: 'like', value: '*vault*' }] },
  ],
};

async function ask(base, key, method, path, body) {
  const response = await fetch(`${base}${path}`, { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** Everything on: an API key, rules that look at an argument, detectors, sealing, and both records of each call. */
async function furnish({ registry, policy, operator, upstream, mcp }) {
  await ask(registry, operator, 'POST', '/v1/servers', { name: 'bench', transport: { kind: 'http', url: upstream } });
  const { presented } = await ask(registry, operator, 'POST', '/v1/keys', { agent: 'bench', person: 'bench@example.com', groups: [], roles: ['agent'], expires: null });
  const { number } = await ask(policy, operator, 'POST', '/v1/policy/versions', { rules, note: 'benchmark' });
  await ask(policy, operator, 'POST', `/v1/policy/versions/${number}/activate`, {});
  for (let tries = 0; tries < 100; tries += 1) {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${presented}` };
    const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } } };
    const opened = await fetch(mcp, { method: 'POST', headers, body: JSON.stringify(initialize) });
    const session = opened.headers.get('mcp-session-id');
    if (opened.ok && session) {
      const call = await fetch(mcp, {
        method: 'POST',
        headers: { ...headers, 'mcp-session-id': session },
        body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'bench__echo', arguments: { message: 'ready?' } } }),
      });
      if ((await call.text()).includes('Echo: ready?')) return presented;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('the gateway never made its first call');
}

async function rpc(url, headers, message) {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }) });
  return { session: response.headers.get('mcp-session-id'), text: await response.text() };
}

async function isListed(mcp, bearer, path, tool) {
  const url = new URL(path, mcp);
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${bearer}` };
  const { session } = await rpc(url, headers, { method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } } });
  if (!session) return false;
  const { text } = await rpc(url, { ...headers, 'mcp-session-id': session }, { method: 'tools/list', params: {} });
  return text.includes(`"${tool}"`);
}

/** Six services in one process on the PostgreSQL log. */
export async function startEmbedded({ upstream, database, relaxed, profile }) {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-bench-'));
  const environment = { CUSTOMHOUSE_DATABASE_URL: database, CUSTOMHOUSE_INGRESS_RELAXED_READS: String(relaxed), CUSTOMHOUSE_LOG_LEVEL: 'warn' };
  const gateway = start('embedded', measuredCore, [...profiled(profile), here('../apps/cli/bin/customhouse.mjs'), 'up', '--json', '--port', '0', '--data', folder], environment);
  const { mcp, api, operator_key_file } = await gateway.line((line) => (line.startsWith('{"ready"') ? JSON.parse(line) : undefined));
  const operator = readFileSync(operator_key_file, 'utf8').trim();
  const bearer = await furnish({ registry: api, policy: api, operator, upstream, mcp });
  const stop = async () => {
    await gateway.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: mcp, tool: 'bench__echo', bearer, pid: gateway.pid, stop };
}

/** Services in processes of their own on Kafka, as a company runs them; only the ingress is on the measured core. */
export async function startServices({ upstream, database, log, relaxed, profile, client = 'platformatic' }) {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-bench-'));
  const sealing = join(folder, 'sealing-key');
  writeFileSync(sealing, randomBytes(32).toString('base64url'), { mode: 0o600 });
  const operator = `chk_bootstrap_${randomBytes(32).toString('base64url')}`;
  const common = {
    CUSTOMHOUSE_LOG_URL: log,
    CUSTOMHOUSE_KAFKA_CLIENT: client,
    CUSTOMHOUSE_DATABASE_URL: database,
    CUSTOMHOUSE_SEALING_KEY_FILE: sealing,
    CUSTOMHOUSE_BOOTSTRAP_KEY: operator,
    CUSTOMHOUSE_LOG_LEVEL: 'warn',
    // As in infra/docker/Dockerfile.
    MALLOC_ARENA_MAX: '1',
    MALLOC_TRIM_THRESHOLD_: '262144',
    NODE_OPTIONS: '--max-semi-space-size=16',
  };
  const ports = { registry: await freePort(), policy: await freePort(), ingress: await freePort(), mcp: await freePort() };
  const processes = [];
  /** Starts a service and waits until it says that it is ready. */
  const launch = async (name, core, more = {}) => {
    const service = start(name, core, [...(name === 'ingress' ? profiled(profile) : []), main(`services/${name}`)], {
      ...common,
      CUSTOMHOUSE_API_PORT: String(ports[name]),
      ...more,
    });
    processes.push(service);
    for (let tries = 0; tries < 300; tries += 1) {
      const response = await Promise.race([service.failed, fetch(`http://127.0.0.1:${ports[name]}/health/ready`).catch(() => undefined)]);
      if (response?.ok) return service;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`${name} was not ready`);
  };
  await launch('registry', otherCore);
  await launch('policy', otherCore);
  const ingress = await launch('ingress', measuredCore, {
    CUSTOMHOUSE_INGRESS_PORT: String(ports.mcp),
    CUSTOMHOUSE_INGRESS_RELAXED_READS: String(relaxed),
    CUSTOMHOUSE_SPOOL_PATH: join(folder, 'spool'),
  });
  const url = `http://127.0.0.1:${ports.mcp}/mcp`;
  const bearer = await furnish({ registry: `http://127.0.0.1:${ports.registry}`, policy: `http://127.0.0.1:${ports.policy}`, operator, upstream, mcp: url });
  const stop = async () => {
    for (const service of processes.reverse()) await service.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const registry = `http://127.0.0.1:${ports.registry}`;
  /** Resolves when the tool is served. */
  const addServer = async (name, upstreamUrl, tool) => {
    await ask(registry, operator, 'POST', '/v1/servers', { name, transport: { kind: 'http', url: upstreamUrl } });
    for (let tries = 0; tries < 300; tries += 1) {
      const { items } = await ask(registry, operator, 'GET', `/v1/tools?server=${name}&limit=1`);
      if (items.length > 0 && (await isListed(url, bearer, `/servers/${name}/mcp`, tool))) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`the tools of ${name} were never listed`);
  };
  return { url, tool: 'bench__echo', bearer, pid: ingress.pid, log, addServer, stop };
}
