import { hash } from 'node:crypto';
import type { EventData } from '@customhouse/events/catalogue';
import type { catalogServerPublished, catalogToolPublished, Server, ToolDefinition } from '@customhouse/events/registry/events';
import type { StateChange } from '@customhouse/event-log/state-follower';
import { exposeAll } from '@customhouse/mcp-wire/tool-names';

/** A tool that is served: accepted, of a server that is enabled. */
export interface ServedTool {
  readonly server: string;
  /** The tool's own name at its server. */
  readonly tool: string;
  /** `server__tool`. */
  readonly exposed: string;
  /** Digest of the definition that was accepted. */
  readonly definition: string;
  readonly labels: readonly string[];
  readonly generation: number;
  /** As the server sent it. */
  readonly described: ToolDefinition;
  /** Sorts tools in the order of their listing. */
  readonly place: string;
}

type PublishedServer = EventData<typeof catalogServerPublished>;
type PublishedTool = EventData<typeof catalogToolPublished>;

interface Tables {
  readonly byExposed: ReadonlyMap<string, ServedTool>;
  /** In the order of their listing. */
  readonly byServer: ReadonlyMap<string, ReadonlyMap<string, ServedTool>>;
}

const sha256 = (text: string): string => hash('sha256', text, 'hex');

/** Servers and tools, followed from `customhouse.state.catalog`. What clients see of it is made when it is first asked for after a change. */
export class Catalog {
  /** Changes with every change of the content. */
  version = 0;
  readonly #servers = new Map<string, PublishedServer>();
  readonly #tools = new Map<string, PublishedTool>();
  #tables: Tables | undefined;
  /** Tools whose exposed name is taken by another one of the same server; practically never. */
  hidden: readonly { readonly server: string; readonly tool: string }[] = [];

  apply({ key, event }: StateChange): void {
    // What a newer version of the registry says in words that are not known here is not served.
    const data = event?.foreign === undefined ? event?.data : undefined;
    if (key.startsWith('server/')) replace(this.#servers, key, data as PublishedServer | undefined);
    else if (key.startsWith('tool/')) replace(this.#tools, key, data as PublishedTool | undefined);
    else return;
    this.version += 1;
    this.#tables = undefined;
  }

  /** The server, enabled or not. */
  server(name: string): Server | undefined {
    return this.#servers.get(`server/${name}`)?.server;
  }

  /** What the server said about itself; undefined until it was reached for the first time. */
  discovered(name: string): PublishedServer['discovered'] | undefined {
    return this.#servers.get(`server/${name}`)?.discovered ?? undefined;
  }

  /** By the name that clients of `/mcp` use. */
  exposed(name: string): ServedTool | undefined {
    return this.#made().byExposed.get(name);
  }

  /** By the server's own name for it. */
  tool(server: string, tool: string): ServedTool | undefined {
    return this.#made().byServer.get(server)?.get(tool);
  }

  /** Whether the server offers such a tool that nobody has accepted yet, so that the refusal can say so. */
  isQuarantined(server: string, tool: string): boolean {
    return this.#tools.get(`tool/${server}/${tool}`)?.status === 'quarantined';
  }

  /** All tools, or one server's, in the order of their listing. */
  list(server: string | null): Iterable<ServedTool> {
    const { byExposed, byServer } = this.#made();
    return server === null ? byExposed.values() : (byServer.get(server)?.values() ?? []);
  }

  #made(): Tables {
    return (this.#tables ??= this.#make());
  }

  #make(): Tables {
    const published = [...this.#tools.values()].filter((tool) => tool.status === 'served' && this.server(tool.server)?.enabled === true);
    const { exposed, hidden } = exposeAll(published, sha256);
    this.hidden = hidden;
    const byExposed = new Map<string, ServedTool>();
    const byServer = new Map<string, Map<string, ServedTool>>();
    const served = [...exposed].map(([name, tool]) => this.#serve(name, tool)).sort((a, b) => (a.place < b.place ? -1 : 1));
    for (const tool of served) {
      byExposed.set(tool.exposed, tool);
      let ofServer = byServer.get(tool.server);
      if (ofServer === undefined) byServer.set(tool.server, (ofServer = new Map()));
      ofServer.set(tool.tool, tool);
    }
    return { byExposed, byServer };
  }

  #serve(exposed: string, published: PublishedTool): ServedTool {
    const { server, tool, digest, labels, definition, order } = published;
    const place = `${server} ${String(order).padStart(8, '0')} ${tool}`;
    return { server, tool, exposed, definition: digest, labels, generation: this.server(server)!.generation, described: definition, place };
  }
}

function replace<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
