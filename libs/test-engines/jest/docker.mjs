// What the tests need of a Docker engine, by way of Testcontainers. Its own cleaner needs an image of its own; ours is
// reaper.mjs, so it is switched off before the library is loaded.
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');

export const label = 'customhouse.test-run';

/** Undefined when no engine answers. */
export async function dockerEngine() {
  try {
    return await getContainerRuntimeClient();
  } catch {
    // The library's one way to say so.
    return undefined;
  }
}

/** Starts PostgreSQL with room for many suites. Options: `args`, settings for the server. */
export async function startPostgresContainer(run, { args = [] } = {}) {
  const port = await freePort();
  const container = await new GenericContainer('postgres:18')
    .withLabels({ [label]: run })
    .withEnvironment({ POSTGRES_PASSWORD: 'test', POSTGRES_DB: 'customhouse' })
    .withCommand(['postgres', '-c', 'max_connections=400', ...args])
    .withExposedPorts({ container: 5432, host: port })
    .withWaitStrategy(afterwards)
    .start();
  const url = `postgres://postgres:test@${container.getHost()}:${port}/customhouse`;
  await accepting(url);
  return { container, url };
}

/**
 * Starts one Kafka node. Options: `environment`, more settings; `listeners`, more client listeners by name with their
 * security protocol, for example `{ SASL: 'SASL_PLAINTEXT' }`; `advertise`, addresses to tell clients of a listener instead of
 * its own, for a proxy; `files`, texts to put into the container.
 */
export async function startKafkaContainer(run, { environment = {}, listeners = {}, advertise = {}, files = [] } = {}) {
  const host = (await getContainerRuntimeClient()).info.containerRuntime.host;
  const all = { PLAINTEXT: 'PLAINTEXT', ...listeners };
  const names = Object.keys(all);
  const ports = await Promise.all(names.map(() => freePort()));
  const each = (format) => names.map(format).join(',');
  const container = await new GenericContainer('apache/kafka:4.3.1')
    .withLabels({ [label]: run })
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENERS: `${each((name, index) => `${name}://:${19092 + index}`)},INTERNAL://:19091,CONTROLLER://:9093`,
      KAFKA_ADVERTISED_LISTENERS: `${each((name, index) => `${name}://${advertise[name] ?? `${host}:${ports[index]}`}`)},INTERNAL://localhost:19091`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: `CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,${each((name) => `${name}:${all[name]}`)}`,
      KAFKA_INTER_BROKER_LISTENER_NAME: 'INTERNAL',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '5',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS: '3',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_LOG_CLEANER_BACKOFF_MS: '500',
      KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS: '1000',
      KAFKA_HEAP_OPTS: '-Xms256m -Xmx512m',
      ...environment,
    })
    .withCopyContentToContainer(files.map(({ path, text }) => ({ target: path, content: text, mode: 0o644 })))
    .withExposedPorts(...names.map((_, index) => ({ container: 19092 + index, host: ports[index] })))
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(120_000)
    .start();
  return { container, brokers: `${host}:${ports[0]}`, addresses: Object.fromEntries(names.map((name, index) => [name, `${host}:${ports[index]}`])) };
}

/** Starts an Open Policy Agent that serves one Rego module. */
export async function startOpaContainer(run, { policy }) {
  const port = await freePort();
  const container = await new GenericContainer('openpolicyagent/opa:1.22.2-static')
    .withLabels({ [label]: run })
    .withCopyContentToContainer([{ target: '/policy.rego', content: policy, mode: 0o644 }])
    .withCommand(['run', '--server', '--addr', '0.0.0.0:8181', '/policy.rego'])
    .withExposedPorts({ container: 8181, host: port })
    .withWaitStrategy(Wait.forHttp('/health', 8181))
    .withStartupTimeout(60_000)
    .start();
  return { container, url: `http://${container.getHost()}:${port}` };
}

/** For what is waited for after the start, in a way that this library does not know. */
const afterwards = { waitUntilReady: async () => undefined, withStartupTimeout: () => afterwards, isStartupTimeoutSet: () => true, getStartupTimeout: () => 0 };

/** The server that answers by TCP is the last of those that the image starts. */
async function accepting(url) {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(100);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
