import { Pool } from 'undici';
import { AddressGuard } from './address-guard.js';

export interface HttpClientOptions {
  /** Calls in flight to one origin; more wait in order. Default 256. */
  readonly connections?: number;
  /** DNS, TCP and TLS. Default 5,000. */
  readonly connect_timeout_ms?: number;
  /** An idle connection is closed after this, before most servers do (5 s in Node). Default 4,000. */
  readonly keep_alive_ms?: number;
  /** See AddressGuard. */
  readonly allowed_addresses?: readonly string[];
}

/**
 * The connections of one process to all its HTTP upstreams: pools by origin, shared by every session with that origin.
 * Redirects are not followed and proxies of the environment are not used: an upstream is where it was registered.
 */
export class HttpClient {
  readonly guard: AddressGuard;
  readonly #calls = new Map<string, Pool>();
  readonly #streams = new Map<string, Pool>();

  constructor(private readonly options: HttpClientOptions = {}) {
    this.guard = new AddressGuard(options.allowed_addresses);
  }

  /** For requests that end. */
  calls(origin: string): Pool {
    return this.#pool(this.#calls, origin, this.options.connections ?? 256);
  }

  /** For standing streams, one connection each, so that they take no place from calls. */
  streams(origin: string): Pool {
    return this.#pool(this.#streams, origin, null);
  }

  async close(): Promise<void> {
    const pools = [...this.#calls.values(), ...this.#streams.values()];
    this.#calls.clear();
    this.#streams.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #pool(pools: Map<string, Pool>, origin: string, connections: number | null): Pool {
    let pool = pools.get(origin);
    if (!pool) {
      pool = new Pool(origin, {
        connections,
        pipelining: 1,
        allowH2: false,
        // The exchange's own timer bounds a call; undici's would only add a second, coarser one.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: this.options.keep_alive_ms ?? 4_000,
        connect: { timeout: this.options.connect_timeout_ms ?? 5_000, lookup: this.guard.lookup as never },
      });
      pools.set(origin, pool);
    }
    return pool;
  }
}
