import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { chooseAccount, type Account } from './account.js';
import { installedBinaries, usableBinaries, type Binaries } from './binaries.js';
import { ensureCluster, ensurePassword, superuser } from './cluster.js';
import { OwnerLock, stopOrphan } from './owner.js';
import { Postmaster } from './postmaster.js';
import { LocalPostgresError, messageOf, ownDatabase } from './problem.js';
import { chooseRoom } from './room.js';

export interface LocalPostgresOptions {
  /** Made when it does not exist. One server at a time. */
  readonly dataDir: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** What is going on, in words, when it may take more than a moment. */
  readonly onProgress?: (message: string) => void;
  /** The server ended by itself and is being started again, or could not be; undefined when it is back. */
  readonly onProblem?: (message: string | undefined) => void;
  /** Where root's database goes when the account that the server runs as cannot reach `dataDir`. Default `/var/lib/customhouse-postgres`. */
  readonly outside?: string;
  /** Longest wait for the server to accept connections, recovery after a crash included. Default 60 000 ms. */
  readonly timeout_ms?: number;
}

export interface LocalPostgres {
  /** Of the database `customhouse`, with user and password. */
  readonly url: string;
  readonly port: number;
  /** Of the server process; another one after it was started again. */
  readonly pid: number | undefined;
  /** Fast shutdown: what is committed stays. Safe to call twice. */
  stop(): Promise<void>;
}

const database = 'customhouse';

/**
 * Starts PostgreSQL from npm on a data folder: durable, with a password, on 127.0.0.1. It ends with our process, however that ends;
 * when it ends by itself it is started again on the same port. Throws LocalPostgresError.
 */
export async function startLocalPostgres(options: LocalPostgresOptions): Promise<LocalPostgres> {
  if (process.platform === 'win32') throw new LocalPostgresError(`PostgreSQL from npm runs on Linux and macOS: on Windows use WSL, or ${ownDatabase}`);
  const onProgress = options.onProgress ?? (() => undefined);
  const dataDir = resolve(options.dataDir);
  const account = chooseAccount(join(dataDir, 'cluster'));
  const room = chooseRoom(dataDir, account, onProgress, options.outside);
  const binaries = usableBinaries(installedBinaries(), account, room, onProgress);
  const password = ensurePassword(dataDir);
  const cluster = await ensureCluster(room, password, binaries, account, onProgress);
  const port = options.port || (await freePort());
  const server = new LocalServer({
    binaries,
    cluster,
    account,
    port,
    password,
    logFile: join(dataDir, 'postgres.log'),
    timeout_ms: options.timeout_ms ?? 60_000,
    onProgress,
    onProblem: options.onProblem ?? (() => undefined),
  });
  await server.start();
  return server;
}

interface ServerOptions {
  readonly binaries: Binaries;
  readonly cluster: string;
  readonly account: Account | undefined;
  readonly port: number;
  readonly password: string;
  readonly logFile: string;
  readonly timeout_ms: number;
  readonly onProgress: (message: string) => void;
  readonly onProblem: (message: string | undefined) => void;
}

class LocalServer implements LocalPostgres {
  private postmaster: Postmaster | undefined;
  private lock: OwnerLock | undefined;
  private stopping: Promise<void> | undefined;

  constructor(private readonly options: ServerOptions) {}

  get port(): number {
    return this.options.port;
  }

  get pid(): number | undefined {
    return this.postmaster?.pid;
  }

  get url(): string {
    return this.urlOf(database);
  }

  async start(): Promise<void> {
    await stopOrphan(this.options.cluster, (port) => this.urlOf('postgres', port), this.options.onProgress);
    try {
      await this.launch();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    await this.lock?.release();
    await this.postmaster?.stop();
  }

  private async launch(): Promise<void> {
    const { binaries, cluster, account, port, logFile } = this.options;
    const postmaster = Postmaster.start({ binaries, cluster, account, port, logFile });
    this.postmaster = postmaster;
    await this.accepting(postmaster);
    this.lock = await OwnerLock.take(this.urlOf('postgres'));
    await ensureDatabase(this.urlOf('postgres'));
    void postmaster.ended.then(() => this.revive());
  }

  /** The server ended and we did not ask for it. */
  private async revive(): Promise<void> {
    if (this.stopping) return;
    this.options.onProblem(`the database server ended unexpectedly and is being started again; its log is ${this.options.logFile}`);
    await this.lock?.release();
    for (let wait_ms = 100; !this.stopping; wait_ms = Math.min(wait_ms * 2, 5_000)) {
      try {
        await this.launch();
        this.options.onProblem(undefined);
        return;
      } catch (error) {
        this.options.onProblem(messageOf(error));
        await this.postmaster?.stop();
        await sleep(wait_ms);
      }
    }
  }

  private async accepting(postmaster: Postmaster): Promise<void> {
    const started = performance.now();
    let told = started;
    for (;;) {
      if (!postmaster.running) throw this.failed(postmaster, 'ended at once');
      const problem = await tryToConnect(this.urlOf('postgres'));
      if (problem === undefined) return;
      const now = performance.now();
      if (now - started > this.options.timeout_ms) throw this.failed(postmaster, `does not accept connections after ${this.options.timeout_ms} ms (${problem})`);
      if (now - told > 1_000) this.options.onProgress('waiting for the database server (after a crash it first repairs its files)');
      if (now - told > 1_000) told = now;
      await sleep(25);
    }
  }

  private failed(postmaster: Postmaster, what: string): LocalPostgresError {
    const complaints = postmaster.lastWords();
    if (/could not bind|Address already in use/.test(complaints)) {
      return new LocalPostgresError(`the database server cannot listen on 127.0.0.1:${this.port}: the port is in use. Choose another one, or 0 for any free one`);
    }
    return new LocalPostgresError(`the database server ${what}; its log (${this.options.logFile}) ends with:\n${complaints}`);
  }

  private urlOf(name: string, port = this.port): string {
    return `postgres://${superuser}:${encodeURIComponent(this.options.password)}@127.0.0.1:${port}/${name}`;
  }
}

/** Undefined when it worked, the reason otherwise. */
async function tryToConnect(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${database}`);
  } finally {
    await client.end();
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new LocalPostgresError('no free port was found'))));
    });
  });
}
