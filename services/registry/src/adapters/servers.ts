import { Injectable } from '@nestjs/common';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { decide, fold, type Command, type KnownServer, type OfferedTool, type ServerEvent, type State } from '../domain/server.js';
import { catalogTopic, serverKey, streamOf, toNewEvent, toolKey, toPublishedServer, toPublishedTool } from './events.js';
import { keepState, loadState } from './kept-state.js';
import type { ServerRow, ToolRow } from './catalog-view.js';

const serverColumns = 'name, generation, transport, enabled, reachable, problem, protocol, discovered, looked';
const toolColumns = 'server, tool, digest, definition, accepted, labels, place, seen';

/** Servers and their tools: streams, view, and what the log gets are written together in the caller's transaction. */
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

  /** What discovery found out: the answer to `initialize` as it came, and the tools in the server's own order. */
  async reach(tx: Tx, name: string, generation: number, found: Omit<Command & { do: 'reach' }, 'do'> & { readonly discovered: JsonObject }): Promise<void> {
    const { discovered, ...command } = found;
    const { events, after } = await this.act(tx, name, () => ({ do: 'reach', ...command }), { discovered, generation });
    if (!after || after.server.generation !== generation) return;
    await this.writeTools(tx, after, found.tools, events);
  }

  async accept(tx: Tx, name: string, command: Omit<Command & { do: 'accept' }, 'do'>): Promise<void> {
    const { events } = await this.act(tx, name, () => ({ do: 'accept', ...command }));
    for (const event of events) {
      if (event.type !== 'registry.tool.accepted') continue;
      const { server, tool, digest, labels } = event.data;
      const row = await oneRow<ToolRow>(tx, `update tools set accepted = $3, labels = $4 where server = $1 and tool = $2 returning ${toolColumns}`, [server, tool, digest, labels]);
      await this.outbox.publish(tx, [toPublishedTool(row)]);
    }
  }

  /** Nothing that discovery sees has changed since it last looked, so nothing has to be decided. */
  async isAsKnown(tx: Tx, name: string, info: string, tools: readonly OfferedTool[]): Promise<boolean> {
    const [known] = await rowsOf<{ reachable: boolean | null; discovered: JsonObject | null }>(tx, 'select reachable, discovered from servers where name = $1', [name]);
    if (known?.reachable !== true || JSON.stringify(known.discovered) !== info) return false;
    const rows = await rowsOf<{ tool: string; digest: string }>(tx, 'select tool, digest from tools where server = $1 order by place', [name]);
    return rows.length === tools.length && rows.every((row, index) => row.tool === tools[index]!.tool && row.digest === tools[index]!.digest);
  }

  private async act(
    tx: Tx,
    name: string,
    command: (version: number) => Command,
    found?: { readonly discovered: JsonObject; readonly generation: number },
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
    if (after) await this.writeServer(tx, after, events, found?.discovered);
    else if (state) await this.eraseServer(tx, name);
    return { events, after };
  }

  private async writeServer(tx: Tx, { server, reachable }: KnownServer, events: readonly ServerEvent[], discovered: JsonObject | undefined): Promise<void> {
    const { name, generation, transport, enabled } = server;
    const reached = events.find((event) => event.type === 'registry.server.reached');
    if (discovered === undefined && !events.some((event) => event.type.startsWith('registry.server.'))) return;
    const changed = events.some((event) => event.type === 'registry.server.registered' || event.type === 'registry.server.changed');
    const row = await oneRow<ServerRow>(
      tx,
      `insert into servers (name, generation, transport, enabled, reachable, protocol, discovered) values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (name) do update set generation = excluded.generation, transport = excluded.transport, enabled = excluded.enabled, reachable = excluded.reachable,
         protocol = coalesce(excluded.protocol, servers.protocol), discovered = coalesce(excluded.discovered, servers.discovered),
         problem = case when excluded.reachable then null else servers.problem end, due = case when $8 then clock_timestamp() else servers.due end
       returning ${serverColumns}`,
      [
        name,
        generation,
        JSON.stringify(transport),
        enabled,
        reachable ?? null,
        reached?.data.protocol ?? null,
        discovered === undefined ? null : JSON.stringify(discovered),
        changed,
      ],
    );
    await this.outbox.publish(tx, [toPublishedServer(row)]);
  }

  private async eraseServer(tx: Tx, name: string): Promise<void> {
    const tools = await rowsOf<{ tool: string }>(tx, 'select tool from tools where server = $1', [name]);
    await tx.query('delete from servers where name = $1', [name]);
    await this.outbox.remove(tx, catalogTopic, [...tools.map(({ tool }) => toolKey(name, tool)), serverKey(name)]);
  }

  private async writeTools(tx: Tx, { server, tools: known }: KnownServer, offers: readonly OfferedTool[], events: readonly ServerEvent[]): Promise<void> {
    const { name } = server;
    const before = new Map((await rowsOf<{ tool: string; place: number }>(tx, 'select tool, place from tools where server = $1', [name])).map((row) => [row.tool, row.place]));
    const rows = offers.map((offer, place) => {
      const { accepted, labels } = known.get(offer.tool)!;
      return { tool: offer.tool, digest: offer.digest, definition: offer.definition, accepted: accepted ?? null, labels: accepted === undefined ? offer.labels : labels, place };
    });
    await tx.query('delete from tools where server = $1 and not (tool = any($2::text[]))', [name, rows.map((row) => row.tool)]);
    await tx.query(
      `insert into tools (server, tool, digest, definition, accepted, labels, place)
       select $1, one->>'tool', one->>'digest', one->'definition', one->>'accepted', array(select json_array_elements_text(one->'labels')), (one->>'place')::int
       from unnest($2::json[]) as given(one)
       on conflict (server, tool) do update set digest = excluded.digest, definition = excluded.definition, accepted = excluded.accepted, labels = excluded.labels, place = excluded.place,
         seen = case when tools.digest = excluded.digest then tools.seen else excluded.seen end`,
      [name, rows.map((row) => JSON.stringify(row))],
    );
    const touched = new Set(events.flatMap((event) => ('tool' in event.data ? [event.data.tool] : [])));
    const changed = rows.filter((row) => touched.has(row.tool) || before.get(row.tool) !== row.place);
    await this.outbox.publish(
      tx,
      changed.map((row) => toPublishedTool({ ...row, server: name, labels: [...row.labels], seen: new Date() })),
    );
    const gone = [...before.keys()].filter((tool) => !rows.some((row) => row.tool === tool));
    await this.outbox.remove(
      tx,
      catalogTopic,
      gone.map((tool) => toolKey(name, tool)),
    );
  }
}
