import { hash } from 'node:crypto';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';

const week_ms = 7 * 86_400_000;

/** Weeks since 1970. */
export function weekOf(time: number): number {
  return Math.floor(time / week_ms);
}

/** The first millisecond of a week. */
export function startOfWeek(week: number): number {
  return week * week_ms;
}

/** What repeats from call to call: JSON, kept once a week. */
export interface Part {
  readonly week: number;
  readonly body: string;
}

/** The numbers of parts. Those that were asked for last are remembered, so that a busy service need not look for them with each batch. */
export class PartIds {
  /** By week and body. */
  private known = new Map<string, string>();

  constructor(private readonly most = 10_000) {}

  /** By key (`keyOf`); those that are new are added. What is told to `remember` after the commit need not be looked for again. */
  async of(tx: Tx, all: readonly Part[]): Promise<ReadonlyMap<string, string>> {
    const ids = new Map<string, string>();
    const unknown = new Map<string, Part>();
    for (const part of all) {
      const key = keyOf(part);
      const id = this.known.get(key);
      if (id === undefined) unknown.set(key, part);
      else ids.set(key, id);
    }
    if (unknown.size > 0) for (const [key, id] of await idsOf(tx, unknown)) ids.set(key, id);
    return ids;
  }

  /** Only after the commit: what was rolled back is not there. */
  remember(ids: ReadonlyMap<string, string>): void {
    if (this.known.size + ids.size > this.most) this.known = new Map();
    for (const [key, id] of ids) this.known.set(key, id);
  }
}

export function keyOf({ week, body }: Part): string {
  return `${week} ${body}`;
}

async function idsOf(tx: Tx, parts: ReadonlyMap<string, Part>): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  const missing = new Map([...parts].map(([key, part]) => [`${part.week} ${digestOf(part)}`, { key, ...part }]));
  const find = async () => {
    const sql = `
      select id, week, encode(digest, 'hex') as digest from history_parts
      join unnest($1::int[], $2::text[]) as wanted (week, hex) using (week) where digest = decode(hex, 'hex')`;
    const all = [...missing.keys()].map((name) => name.split(' '));
    const rows = await rowsOf<{ id: string; week: number; digest: string }>(tx, sql, [all.map(([week]) => week), all.map(([, digest]) => digest)]);
    for (const { id, week, digest } of rows) {
      const name = `${week} ${digest}`;
      ids.set(missing.get(name)!.key, id);
      missing.delete(name);
    }
  };
  await find();
  if (missing.size === 0) return ids;
  const added = [...missing].map(([name, { week, body }]) => ({ week, digest: name.split(' ')[1], body }));
  await tx.query(
    `insert into history_parts (week, digest, body) select week, decode(hex, 'hex'), body from unnest($1::int[], $2::text[], $3::text[]) as new (week, hex, body) on conflict (week, digest) do nothing`,
    [added.map(({ week }) => week), added.map(({ digest }) => digest), added.map(({ body }) => body)],
  );
  await find();
  return ids;
}

function digestOf({ body }: Part): string {
  return hash('sha256', body);
}

/** The parts of calls that were read, parsed; there are few, and the ones that were asked for last stay. */
export class PartReader {
  private readonly known = new Map<string, unknown>();

  constructor(private readonly most = 20_000) {}

  async load(tx: Tx, ids: readonly string[]): Promise<void> {
    const wanted = new Set(ids);
    if (this.known.size + wanted.size > this.most) for (const id of this.known.keys()) if (!wanted.has(id)) this.known.delete(id);
    const missing = [...wanted].filter((id) => !this.known.has(id));
    if (missing.length === 0) return;
    const rows = await rowsOf<{ id: string; body: string }>(tx, 'select id, body from history_parts where id = any($1::bigint[])', [missing]);
    for (const { id, body } of rows) this.known.set(id, JSON.parse(body));
  }

  /** Undefined: it is gone with its week. */
  get(id: string): unknown {
    return this.known.get(id);
  }
}
