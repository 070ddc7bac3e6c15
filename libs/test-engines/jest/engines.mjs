// The engines of one test run. They live with the run's main process, which the workers ask over a local port; each is
// started when it is first asked for.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { dockerEngine, startKafkaContainer, startOpaContainer, startPostgresContainer } from './docker.mjs';

const starts = { kafka: startKafkaContainer, postgres: startPostgresContainer, opa: startOpaContainer };

export class Engines {
  #run;
  #folder;
  #docker = dockerEngine();
  #shared = new Map();
  #owned = new Map();
  #server;
  #local;

  constructor(run, folder) {
    this.#run = run;
    this.#folder = folder;
  }

  /** Serves the workers. Returns the address. */
  async listen() {
    this.#server = createServer((request, response) => {
      this.#answer(request)
        .catch((error) => ({ problem: error instanceof Error ? error.message : String(error) }))
        .then((answer) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)));
    });
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#server.unref();
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async close() {
    this.#server?.close();
    this.#server?.closeAllConnections();
    const containers = [...this.#owned.values(), ...(await Promise.allSettled([...this.#shared.values()])).map(({ value }) => value)].map((engine) => engine?.container);
    await Promise.allSettled([...containers.map((container) => container?.stop({ remove: true, removeVolumes: true, timeout: 0 })), this.#local?.stop()]);
  }

  async #answer(request) {
    const [, what, id, action] = request.url.split('/');
    const options = await body(request);
    if (what === 'postgres') return this.#share('postgres', () => this.#postgres());
    if (what === 'kafka') return this.#share('kafka', () => this.#kafka());
    if (what === 'host') return this.#host();
    if (what === 'own' && action === undefined) return this.#own(id, options);
    return this.#act(id, action, options);
  }

  /** Starts it at most once; a failure is everybody's. */
  async #share(name, start) {
    if (!this.#shared.has(name)) this.#shared.set(name, start());
    const { container, ...answer } = await this.#shared.get(name);
    return answer;
  }

  async #postgres() {
    if ((await this.#docker) !== undefined) {
      try {
        return await startPostgresContainer(this.#run);
      } catch (error) {
        process.stderr.write(`PostgreSQL could not be started in a container, so the one from npm is used: ${error.message}\n`);
      }
    }
    const { startLocalPostgres } = await import('@customhouse/local-postgres/local-postgres');
    this.#local = await startLocalPostgres({ dataDir: join(this.#folder, 'postgres'), port: 0 });
    return { url: this.#local.url };
  }

  async #kafka() {
    if ((await this.#docker) === undefined) return { missing: 'no Docker engine answers' };
    return startKafkaContainer(this.#run);
  }

  async #host() {
    const docker = await this.#docker;
    return docker === undefined ? { missing: 'no Docker engine answers' } : { host: docker.info.containerRuntime.host };
  }

  async #own(kind, options) {
    if ((await this.#docker) === undefined) return { missing: 'no Docker engine answers' };
    const engine = await starts[kind](this.#run, options);
    const id = engine.container.getId();
    this.#owned.set(id, engine);
    const { container, ...answer } = engine;
    return { id, ...answer };
  }

  async #act(id, action, options) {
    const client = (await this.#docker).container;
    const container = client.getById(id);
    if (action === 'exec') return client.exec(container, options.command);
    if (action === 'remove') {
      this.#owned.delete(id);
      await container.remove({ force: true, v: true });
    } else if (action === 'kill') await container.kill({ signal: 'SIGKILL' });
    else if (action === 'pause') await pause(container);
    else if (['start', 'stop', 'restart', 'unpause'].includes(action)) await container[action]();
    else throw new Error(`nothing is done to a container by ${action}`);
    return {};
  }
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : JSON.parse(text);
}

/** On a busy machine the kernel may not manage to freeze a container's processes in the time that the engine gives it. */
async function pause(container) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await container.pause();
    } catch (error) {
      if (error.statusCode !== 500 || tries >= 5) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
