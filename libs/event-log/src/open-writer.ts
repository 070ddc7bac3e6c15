import { EventWriter } from './event-writer.js';
import type { OnProblem } from './open-log.js';
import type { EventLog } from './port.js';
import type { WriterSettings } from './settings.js';
import { Spool } from './spool/spool.js';
import { lastEpoch } from './writer/last-epoch.js';

export interface OpenedWriter {
  /** Call `start` to begin its chain. */
  readonly writer: EventWriter;
  /** Ends the chain, then lets go of the spool. */
  close(): Promise<void>;
}

/** Longest look into the past of this instance. */
const lookBack_ms = 5000;

/** The writer of a process, as the settings want it. Throws when the spool's folder cannot be used. */
export async function openWriter(
  settings: WriterSettings,
  of: { readonly log: EventLog; readonly service: string; readonly instance: string; readonly onProblem?: OnProblem },
): Promise<OpenedWriter> {
  const spool = settings.spoolPath === undefined ? undefined : await Spool.open({ folder: settings.spoolPath, max_bytes: settings.spoolBytes, onProblem: of.onProblem });
  const epochFloor = await lastEpoch(of.log, of.instance, lookBack_ms).catch((error: unknown) => {
    of.onProblem?.('the epochs that this instance has used cannot be read; the clock decides', error);
    return 0;
  });
  const writer = new EventWriter({
    ...of,
    timeout_ms: settings.logTimeout,
    heartbeat_ms: settings.logHeartbeat,
    limits: { queue_bytes: settings.logQueue, queue_age_ms: settings.logQueueAge, batch_bytes: settings.logBatch, batch_records: settings.logBatchCount },
    spool,
    epochFloor,
  });
  return {
    writer,
    close: async () => {
      await writer.close();
      await spool?.close();
    },
  };
}
