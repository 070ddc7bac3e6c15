import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

const largest_bytes = 10 * 1024 * 1024;

export interface LogFile {
  write(line: string): void;
  /** What was logged last, in words. */
  readonly last: string;
  close(): void;
}

/** The same error again within this time is in the file alone: what is tried again and again fails again and again. */
const quiet_ms = 30_000;

/**
 * The log of the gateway as a file. A terminal is for people: only what is an error is said there too, in one line. Written at
 * once, so that the last words before a crash are in it. One file of 10 MB is kept beside it.
 */
export function openLogFile(path: string, onError: (message: string) => void, now: () => number = Date.now): LogFile {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largest_bytes) renameSync(path, `${path}.1`);
  const file = openSync(path, 'a', 0o600);
  const said = new Map<string, number>();
  let lastLine = '{}';
  return {
    get last() {
      return (JSON.parse(lastLine) as { msg?: string }).msg ?? '';
    },
    write(line) {
      writeSync(file, line);
      lastLine = line;
      const message = errorIn(line);
      if (message === undefined || now() - (said.get(message) ?? -Infinity) < quiet_ms) return;
      // Messages with an id in them are all different: they must not be kept for ever.
      if (said.size >= 100) said.clear();
      said.set(message, now());
      onError(message);
    },
    close: () => closeSync(file),
  };
}

function errorIn(line: string): string | undefined {
  // Nearly every line is none: they are not parsed for that.
  if (!line.includes('"level":"error"') && !line.includes('"level":"fatal"')) return undefined;
  const { msg, error } = JSON.parse(line) as { msg?: string; error?: { message?: string } };
  return error?.message ? `${msg}: ${error.message}` : msg;
}
