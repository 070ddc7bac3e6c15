import { Socket } from 'node:net';
import { Client, Pool, type ClientConfig } from 'pg';

/** Settings of the connections to PostgreSQL. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…` */
  readonly url: string;
  /** Default 5000. */
  readonly connect_timeout_ms?: number;
  /** A statement that runs longer is ended by the server. Default 10,000. */
  readonly statement_timeout_ms?: number;
  /** Followers look again after this time when no notification came. Default 1000. */
  readonly poll_ms?: number;
  /** Compaction and retention run this often; 0 switches them off in this process. Default 60,000. */
  readonly maintenance_ms?: number;
  /** Told about failures that are being retried. They would be silent otherwise. */
  readonly onProblem?: (problem: string, error: unknown) => void;
}

/** `on` also where the server's default is weaker: an answered append must be on disk. */
const sessionSettings = `set synchronous_commit = on; set default_transaction_isolation = 'read committed'`;

function clientConfig(options: PostgresOptions, name: string): ClientConfig {
  return {
    connectionString: options.url,
    application_name: name,
    connectionTimeoutMillis: options.connect_timeout_ms ?? 5000,
    statement_timeout: options.statement_timeout_ms ?? 10_000,
    keepAlive: true,
  };
}

/** One connection that can be cut without waiting for a server that may not answer. */
export class Connection {
  private constructor(
    readonly client: Client,
    private readonly socket: Socket,
  ) {}

  /** Rejects when the server cannot be reached in time; leaves no socket behind then. */
  static async open(options: PostgresOptions, name: string): Promise<Connection> {
    const socket = new Socket();
    const connection = new Connection(new Client({ ...clientConfig(options, name), stream: () => socket }), socket);
    // A broken connection is noticed by the next statement and by `open`; without a listener it would end the process.
    connection.client.on('error', () => connection.cut());
    try {
      await connection.client.connect();
      await connection.client.query(sessionSettings);
      return connection;
    } catch (error) {
      connection.cut();
      throw error;
    }
  }

  get alive(): boolean {
    return !this.socket.destroyed && this.socket.writable && this.socket.readable;
  }

  /** Statements in flight are rejected. */
  cut(): void {
    this.socket.destroy();
  }
}

/** Connections for reading. Every statement has an end, also when the server hangs. */
export function readingPool(options: PostgresOptions): Pool {
  const pool = new Pool({ ...clientConfig(options, 'customhouse-log-read'), max: 4, query_timeout: (options.statement_timeout_ms ?? 10_000) + 1000, allowExitOnIdle: true });
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  return pool;
}
