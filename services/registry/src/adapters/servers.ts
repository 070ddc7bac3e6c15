import { Injectable } from '@nestjs/common';
import type { ListKind } from '@customhouse/events/registry/events';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { listKinds, offerChange, type Offer } from '../domain/offers.js';
import { decide, fold, type Command, type Found, type KnownServer, type ServerEvent, type State } from '../domain/server.js';
import { catalogTopic, offerKey, serverKey, streamOf, toNewEvent, toPublishedOffer, toPublishedServer } from './events.js';
import { keepState, loadState } from './kept-state.js';
import type { OfferRow, ServerRow } from './catalog-view.js';

const serverColumns = 'name, generation, transport, enabled, reachable, problem, protocol, discovered, looked, lost';
const offerColumns = 'server, kind, name, digest, definition, accepted, labels, place, seen';

/** Servers and what they offer: streams, view, and what the log gets are written together in the caller's transaction. */
@Injectable()
export class Servers {
  private readonly streams = new Streams();
  private readonly outbox = new Outbox();

  async register(tx: Tx, name: string, server: { readonly transport: ServerRow['transport']; readonly enabled: boolean; readonly by: string }): Promise<void> {
    await this.act(tx, name, (version) => ({ do: 'register', name, generation: version + 1, ...server }));
  }

  /** Throws ServerRefused. */
  async change(tx: Tx, name: string, change: Omit<Command & { do: 'change' }, 'do'>): Promise<void> {
    await this.act(tx, name, () => ({ do: 'change', ...change }));
  }

  async remove(tx: Tx, name: string, by: string): Promise<void> {
    await this.act(tx, name, () => ({ do: 'remove', by }));
  }

  async lose(tx: Tx, name: string, reason: string): Promise<void> {
    const { after } = await this.act(tx, name, () => ({ do: 'lose', reason }));
    if (after) await tx.query('update servers set problem = $2, looked = clock_timestamp() where name = $1', [name, reason]);
  }

  /** What discovery found out: what the server said of itself as it came, and its lists in their own order. */
  async reach(tx: Tx, name: string, generation: number, found: Omit<Command & { do: 'reach' }, 'do'> & { readonly discovered: JsonObject }): Promise<void> {
    const { discovered, ...command } = found;
    const { events, after } = await this.act(tx, name, () => ({ do: 'reach', ...command }), { discovered, generation, lost: lostOf(command.found) });
    if (!after || after.server.generation !== generation) return;
    for (const kind of listKinds) {
      const list = command.found[kind];
      if ('offers' in list) await this.writeOffers(tx, after, kind, list.offers, events);
    }
  }

  async accept(tx: Tx, name: string, command: Omit<Command & { do: 'accept' }, 'do'>): Promise<void> {
    const { events } = await this.act(tx, name, () => ({ do: 'accept', ...command }));
    for (const event of events) {
      const change = offerChange(event);
      if (change?.changes.accepted === undefined) continue;
      const row = await oneRow<OfferRow>(tx, `update offers set accepted = $4, labels = $5 where server = $1 and kind = $2 and name = $3 returning ${offerColumns}`, [
        name,
        change.kind,
        change.name,
        change.changes.accepted,
        change.changes.labels,
      ]);
      await this.outbox.publish(tx, [toPublishedOffer(row)]);
    }
  }

  /** Nothing that discovery sees has changed since it last looked, so nothing has to be decided. */
  async isAsKnown(tx: Tx, name: string, info: string, found: Readonly<Record<ListKind, Found>>): Promise<boolean> {
    const [known] = await rowsOf<Pick<ServerRow, 'reachable' | 'discovered' | 'lost'>>(tx, 'select reachable, discovered, lost from servers where name = $1', [name]);
    if (known?.reachable !== true || JSON.stringify(known.discovered) !== info || JSON.stringify(known.lost) !== JSON.stringify(lostOf(found))) return false;
    const rows = await rowsOf<Pick<OfferRow, 'kind' | 'name' | 'digest'>>(tx, 'select kind, name, digest from offers where server = $1 order by kind, place', [name]);
    return listKinds.every((kind) => {
      const list = found[kind];
      if ('lost' in list) return true;
      const before = rows.filter((row) => row.kind === kind);
      return before.length === list.offers.length && before.every((row, index) => row.name === list.offers[index]!.name && row.digest === list.offers[index]!.digest);
    });
  }

  private async act(
    tx: Tx,
    name: string,
    command: (version: number) => Command,
    found?: { readonly discovered: JsonObject; readonly generation: number; readonly lost: ServerRow['lost'] },
  ): Promise<{ readonly events: readonly ServerEvent[]; readonly after: State }> {
    // Until this transaction ends no other one touches the server, so nothing is decided twice.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`customhouse.registry.${name}`]);
    const { state, version } = await loadState(tx, this.streams, name);
    // What was found out about another configuration is not about this one.
    if (found && state?.server.generation !== found.generation) return { events: [], after: state };
    const events = decide(command(version), state);
    const after = fold(state, events);
    await this.streams.append(
      tx,
      streamOf(name),
      version,
      events.map((event) => toNewEvent(name, event)),
    );
    if (events.length > 0) await keepState(tx, name, { state: after, version: version + events.length });
    if (after) await this.writeServer(tx, after, events, found);
    else if (state) await this.eraseServer(tx, name);
    return { events, after };
  }

  private async writeServer(
    tx: Tx,
    { server, reachable }: KnownServer,
    events: readonly ServerEvent[],
    found: { readonly discovered: JsonObject; readonly lost: ServerRow['lost'] } | undefined,
  ): Promise<void> {
    const { name, generation, transport, enabled } = server;
    const reached = events.find((event) => event.type === 'registry.server.reached');
    if (found === undefined && !events.some((event) => event.type.startsWith('registry.server.'))) return;
    const changed = events.some((event) => event.type === 'registry.server.registered' || event.type === 'registry.server.changed');
    const row = await oneRow<ServerRow>(
      tx,
      `insert into servers (name, generation, transport, enabled, reachable, protocol, discovered, lost) values ($1, $2, $3, $4, $5, $6, $7, coalesce($9, '{}'::json))
       on conflict (name) do update set generation = excluded.generation, transport = excluded.transport, enabled = excluded.enabled, reachable = excluded.reachable,
         protocol = coalesce(excluded.protocol, servers.protocol), discovered = coalesce(excluded.discovered, servers.discovered), lost = coalesce($9, servers.lost),
         problem = case when excluded.reachable then null else servers.problem end, due = case when $8 then clock_timestamp() else servers.due end
       returning ${serverColumns}`,
      [
        name,
        generation,
        JSON.stringify(transport),
        enabled,
        reachable ?? null,
        reached?.data.protocol ?? null,
        found === undefined ? null : JSON.stringify(found.discovered),
        changed,
        found === undefined ? null : JSON.stringify(found.lost),
      ],
    );
    await this.outbox.publish(tx, [toPublishedServer(row)]);
  }

  private async eraseServer(tx: Tx, name: string): Promise<void> {
    const offers = await rowsOf<Pick<OfferRow, 'kind' | 'name'>>(tx, 'select kind, name from offers where server = $1', [name]);
    await tx.query('delete from servers where name = $1', [name]);
    await this.outbox.remove(tx, catalogTopic, [...offers.map((offer) => offerKey(offer.kind, name, offer.name)), serverKey(name)]);
  }

  private async writeOffers(tx: Tx, { server, offers: known }: KnownServer, kind: ListKind, offers: readonly Offer[], events: readonly ServerEvent[]): Promise<void> {
    const { name: of } = server;
    const before = new Map(
      (await rowsOf<Pick<OfferRow, 'name' | 'place'>>(tx, 'select name, place from offers where server = $1 and kind = $2', [of, kind])).map((row) => [row.name, row.place]),
    );
    const rows = offers.map(({ name, digest, definition, labels: proposed }, place) => {
      const { accepted, labels } = known[kind].get(name)!;
      return { name, digest, definition: definition as JsonObject, accepted: accepted ?? null, labels: accepted === undefined ? proposed : labels, place };
    });
    const names = new Set(rows.map((row) => row.name));
    await tx.query('delete from offers where server = $1 and kind = $2 and not (name = any($3::text[]))', [of, kind, [...names]]);
    await tx.query(
      `insert into offers (server, kind, name, digest, definition, accepted, labels, place)
       select $1, $2, one->>'name', one->>'digest', one->'definition', one->>'accepted', array(select json_array_elements_text(one->'labels')), (one->>'place')::int
       from unnest($3::json[]) as given(one)
       on conflict (server, kind, name) do update set digest = excluded.digest, definition = excluded.definition, accepted = excluded.accepted, labels = excluded.labels,
         place = excluded.place, seen = case when offers.digest = excluded.digest then offers.seen else excluded.seen end`,
      [of, kind, rows.map((row) => JSON.stringify(row))],
    );
    const touched = new Set(events.flatMap((event) => (offerChange(event)?.kind === kind ? [offerChange(event)!.name] : [])));
    const changed = rows.filter((row) => touched.has(row.name) || before.get(row.name) !== row.place);
    await this.outbox.publish(
      tx,
      changed.map((row) => toPublishedOffer({ ...row, server: of, kind, labels: [...row.labels], seen: new Date() })),
    );
    await this.outbox.remove(
      tx,
      catalogTopic,
      [...before.keys()].filter((name) => !names.has(name)).map((name) => offerKey(kind, of, name)),
    );
  }
}

function lostOf(found: Readonly<Record<ListKind, Found>>): ServerRow['lost'] {
  return Object.fromEntries(
    listKinds.flatMap((kind) => {
      const list = found[kind];
      return 'lost' in list ? [[kind, list.lost]] : [];
    }),
  );
}
