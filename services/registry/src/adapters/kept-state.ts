import type { ListKind } from '@customhouse/events/registry/events';
import type { Streams } from '@customhouse/event-store/streams';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { forEachKind, type Known } from '../domain/offers.js';
import { fold, initial, type KnownServer, type State } from '../domain/server.js';
import { streamOf, toServerEvent } from './events.js';

/** Changes with the shape of the state: what was kept in another form is made again from the events. */
const form = 2;

type Kept = Omit<KnownServer, 'listed' | 'lost' | 'offers'> & {
  readonly listed: readonly ListKind[];
  readonly lost: readonly ListKind[];
  readonly offers: Readonly<Record<ListKind, readonly (readonly [string, Known])[]>>;
};

export interface LoadedState {
  readonly state: State;
  /** Of the stream. */
  readonly version: number;
}

/** A server's state: the one that was kept, and the events since. */
export async function loadState(tx: Tx, streams: Streams, name: string): Promise<LoadedState> {
  const [row] = await rowsOf<{ version: number; state: Kept | null }>(tx, 'select version, state from kept_states where name = $1 and form = $2', [name, form]);
  const { version, events } = await streams.load(tx, streamOf(name), row?.version ?? 0);
  return { state: fold(row?.state ? opened(row.state) : initial, events.map(toServerEvent)), version };
}

/** In the transaction that appended the events that led to the state. */
export async function keepState(tx: Tx, name: string, { state, version }: LoadedState): Promise<void> {
  await tx.query(
    `insert into kept_states (name, version, form, state) values ($1, $2, $3, $4)
     on conflict (name) do update set version = excluded.version, form = excluded.form, state = excluded.state`,
    [name, version, form, state ? JSON.stringify(kept(state)) : null],
  );
}

function opened(state: Kept): KnownServer {
  return { ...state, listed: new Set(state.listed), lost: new Set(state.lost), offers: forEachKind((kind) => new Map(state.offers[kind])) };
}

function kept(state: KnownServer): Kept {
  return { ...state, listed: [...state.listed], lost: [...state.lost], offers: forEachKind((kind) => [...state.offers[kind]]) };
}
