import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

/** What was opened, to be closed in the opposite order within a time limit. */
export class ClosingStack {
  private readonly entries: { readonly name: string; readonly close: () => unknown }[] = [];
  private closing: Promise<void> | undefined;

  add(name: string, close: () => unknown): void {
    this.entries.push({ name, close });
  }

  /**
   * Closes everything, the last opened first; one that fails is logged and does not keep the others open. When the time is over the
   * rest is left to the end of the process. Closing twice is closing once.
   */
  close(timeout_ms: number, logger: Logger): Promise<void> {
    this.closing ??= this.closeAll(timeout_ms, logger);
    return this.closing;
  }

  private async closeAll(timeout_ms: number, logger: Logger): Promise<void> {
    const deadline = performance.now() + timeout_ms;
    for (const { name, close } of this.entries.toReversed()) {
      // Whatever comes last still gets a moment: a writer that ends its chain is worth more than a tidy client.
      const left = Math.max(deadline - performance.now(), 250);
      const over = new AbortController();
      const late = sleep(left, 'late' as const, { signal: over.signal }).catch(() => 'done' as const);
      const outcome = await Promise.race([
        late,
        Promise.resolve()
          .then(close)
          .then(
            () => 'done' as const,
            (error: unknown) => {
              logger.error({ error }, `could not close ${name}`);
              return 'done' as const;
            },
          ),
      ]);
      over.abort();
      if (outcome === 'late') logger.warn(`${name} did not close in time`);
    }
  }
}
