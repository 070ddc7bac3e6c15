import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { ledgerGroup } from './ledger.consumer.js';

/** Everything that the log accepted before this time is in the ledger. Null until the end of the log was reached for the first time. */
export async function completeUntil(tx: Tx): Promise<string | null> {
  const [row] = await rowsOf<{ complete_until: Date | null }>(tx, 'select complete_until from consumers where group_name = $1', [ledgerGroup]);
  return row?.complete_until?.toISOString() ?? null;
}
