/** What ends a process that runs until it is told to stop. */
export interface StopSource {
  on(event: NodeJS.Signals | 'disconnect', listener: () => void): unknown;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** One Ctrl-C arrives up to three times: from the terminal, from npm, and from the script that npm started. */
const same_ms = 500;

/**
 * Calls `stop` at the first signal, or when the process that started this one is gone, and `atOnce` when somebody presses again.
 */
export function listenForStop(source: StopSource, now: () => number, stop: () => void, atOnce: () => void): void {
  let first: number | undefined;
  const heard = () => {
    if (first === undefined) {
      first = now();
      stop();
    } else if (now() - first >= same_ms) atOnce();
  };
  for (const signal of signals) source.on(signal, heard);
  // Whoever started us can be asked for nothing more: an orderly end, and no second thoughts.
  source.on('disconnect', () => {
    if (first === undefined) heard();
  });
}
