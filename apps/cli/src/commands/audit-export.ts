import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { auditRoutes } from '@customhouse/http-contract/audit';
import { callFilter, type CallFilters } from '../call-filters.js';
import { CliProblem } from '../problem.js';
import type { Session } from '../session.js';

interface ExportOptions extends CallFilters {
  readonly events?: true;
  readonly output?: string;
}

/** Writes the lines as they come, so that an export may be larger than memory. */
export async function exportLedger(session: Session, options: ExportOptions): Promise<void> {
  const { events, output, ...filters } = options;
  const given = Object.entries(callFilter(filters)).filter(([, value]) => value !== undefined);
  if (events && given.length > 0) throw new CliProblem('usage', `--events exports the ledger as it is, and cannot be filtered by ${given.map(([name]) => name).join(', ')}`);
  const api = session.api('audit');
  const lines = events ? api.stream(auditRoutes.exportEvents) : api.stream(auditRoutes.exportCalls, { query: callFilter(filters) });
  let count = 0;
  const counted = async function* () {
    for await (const line of lines) {
      count += 1;
      yield line + '\n';
    }
    if (session.signal.aborted) throw new CliProblem('interrupted', 'interrupted');
  };
  if (output === undefined) {
    await pipeline(counted(), session.surroundings.stdout, { end: false });
    return;
  }
  const path = resolve(session.surroundings.folder, output);
  const unfinished = `${path}.part`;
  try {
    await pipeline(counted(), createWriteStream(unfinished, { mode: 0o600 }));
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    throw error instanceof CliProblem ? error : new CliProblem('failed', `cannot write ${path}: ${code === 'ENOENT' ? 'the folder does not exist' : message}`, { cause: error });
  }
  session.terminal.result({ file: path, lines: count }, () => `${path}: ${count} ${events ? 'events' : 'calls'}\n`);
}
