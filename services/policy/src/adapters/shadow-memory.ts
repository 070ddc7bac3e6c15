import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { storableText } from '@customhouse/event-store/storable-text';
import type { Saved } from '../domain/past-state.js';

/** What the version in the shadow remembers, as it was saved last. */
export async function loadMemory(tx: Tx, shadow: string): Promise<readonly Saved[]> {
  const rows = await rowsOf<{ kind: Saved['kind']; key: string; value: string }>(tx, 'select kind, key, value from shadow_memory where shadow = $1', [shadow]);
  return rows.map(({ kind, key, value }) => ({ kind, key, value: JSON.parse(value) as unknown }));
}

export async function saveMemory(tx: Tx, shadow: string, changes: readonly Saved[]): Promise<void> {
  const columns = (some: readonly Saved[]) => [shadow, some.map(({ kind }) => kind), some.map(({ key }) => storableText(key))];
  const [set, forgotten] = [changes.filter(({ value }) => value !== undefined), changes.filter(({ value }) => value === undefined)];
  if (set.length > 0) {
    const sql = `
      insert into shadow_memory (shadow, kind, key, value) select $1, * from unnest($2::text[], $3::text[], $4::text[])
      on conflict (shadow, kind, key) do update set value = excluded.value`;
    await tx.query(sql, [...columns(set), set.map(({ value }) => JSON.stringify(value))]);
  }
  if (forgotten.length > 0) {
    const sql =
      'delete from shadow_memory using unnest($2::text[], $3::text[]) as gone (kind, key) where shadow = $1 and shadow_memory.kind = gone.kind and shadow_memory.key = gone.key';
    await tx.query(sql, columns(forgotten));
  }
}

export async function forgetMemory(tx: Tx, shadow: string): Promise<void> {
  await tx.query('delete from shadow_memory where shadow = $1', [shadow]);
}
