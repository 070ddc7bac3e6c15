import type { Transport } from '@customhouse/events/registry/events';

/** How a server was last opened: `sse` is the legacy era over the transport of 2024-11-05. */
export type Opening = 'modern' | 'legacy' | 'sse';

const most = 10_000;

/**
 * What each server turned out to speak, so that a legacy one is not asked for the modern era at every connection. Forgotten after a
 * while: servers are updated.
 */
export class EraMemory {
  readonly #known = new Map<string, { readonly opening: Opening; readonly until: number }>();

  /** `assumed`: of servers that nothing is known of, so that those of both eras are opened in this one. `keep_ms` defaults to an hour. */
  constructor(
    private readonly assumed?: Opening,
    private readonly keep_ms = 3_600_000,
  ) {}

  of(transport: Transport): Opening | undefined {
    const known = this.#known.get(keyOf(transport));
    return known !== undefined && known.until > performance.now() ? known.opening : this.assumed;
  }

  remember(transport: Transport, opening: Opening): void {
    const key = keyOf(transport);
    this.#known.delete(key);
    if (this.#known.size >= most) for (const oldest of this.#known.keys()) if (this.#known.size >= most) this.#known.delete(oldest);
    this.#known.set(key, { opening, until: performance.now() + this.keep_ms });
  }
}

function keyOf(transport: Transport): string {
  return transport.kind === 'http' ? transport.url : JSON.stringify([transport.command, ...transport.args]);
}
