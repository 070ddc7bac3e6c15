import type { Streams } from '@customhouse/event-store/streams';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { fold, initial, type KnownServer, type State, type Tool } from '../domain/server.js';
import { streamOf, toServerEvent } from './events.js';

/** Changes with the shape of the state: what was kept in another form is made again from the events. */
const form = 1;

type Kept = Omit<KnownServer, 'tools'> & { readonly tools: readonly (readonly [string, Tool])[] };

export interface LoadedState {
  readonly state: State;
  /** Of the stream. */
  readonly version: number;
}

/** A server's state: the one that was kept, and the events since. */
export async function loadState(tx: Tx, streams: Streams, name: string): Promise<LoadedState> {
  const [row] = await rowsOf<{ version: number; state: Kept | null }>(tx, 'select version, state from kept_states where name = $1 and form = $2', [name, form]);
  const kept: State = row?.state ? { ...row.state, tools: new Map(row.state.tools) } : initial;
  const { version, events } = await streams.load(tx, streamOf(name), row?.version ?? 0);
  return { state: fold(kept, events.map(toServerEvent)), version };
}

/** In the transaction that appended the events that led to the state. */
export async function keepState(tx: Tx, name: string, { state, version }: LoadedState): Promise<void> {
  const kept: Kept | null = state ? { ...state, tools: [...state.tools] } : null;
  await tx.query(
    `insert into kept_states (name, version, form, state) values ($1, $2, $3, $4)
     on conflict (name) do update set version = excluded.version, form = excluded.form, state = excluded.state`,
    [name, version, form, kept && JSON.stringify(kept)],
  );
}
