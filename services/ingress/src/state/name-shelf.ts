import { hash } from 'node:crypto';
import { exposeAll } from '@customhouse/mcp-wire/tool-names';

/** What a server offers under a name, and others may offer too: a tool or a prompt. */
export interface Named {
  readonly server: string;
  /** `server__name`. */
  readonly exposed: string;
  /** Sorts in the order of the listing. */
  readonly place: string;
}

/** As the registry published it. */
export interface PublishedName {
  readonly server: string;
  readonly status: 'served' | 'quarantined';
  readonly order: number;
}

interface Tables<Served> {
  /** In the order of their listing. */
  readonly byExposed: ReadonlyMap<string, Served>;
  readonly byServer: ReadonlyMap<string, ReadonlyMap<string, Served>>;
}

const sha256 = (text: string): string => hash('sha256', text, 'hex');

/**
 * What is served under names: under those of its server at the server's own endpoint, with the server's name in front elsewhere. The
 * tables are made when they are first asked for after a change.
 */
export class NameShelf<Published extends PublishedName, Served extends Named> {
  readonly #published = new Map<string, Published>();
  #tables: Tables<Served> | undefined;
  /** Those whose exposed name is taken by another one of the same server; practically never. */
  hidden: readonly { readonly server: string; readonly tool: string }[] = [];

  /** `serve` answers undefined for what is not to be served, for example because its server is switched off. */
  constructor(
    private readonly nameOf: (published: Published) => string,
    private readonly serve: (published: Published, exposed: string, place: string) => Served | undefined,
  ) {}

  /** Undefined removes it. */
  put(key: string, published: Published | undefined): void {
    if (published === undefined) this.#published.delete(key);
    else this.#published.set(key, published);
    this.forget();
  }

  /** Something that `serve` looks at has changed. */
  forget(): void {
    this.#tables = undefined;
  }

  published(key: string): Published | undefined {
    return this.#published.get(key);
  }

  exposed(name: string): Served | undefined {
    return this.#made().byExposed.get(name);
  }

  own(server: string, name: string): Served | undefined {
    return this.#made().byServer.get(server)?.get(name);
  }

  /** All, or one server's, in the order of their listing. */
  list(server: string | null): Iterable<Served> {
    const { byExposed, byServer } = this.#made();
    return server === null ? byExposed.values() : (byServer.get(server)?.values() ?? []);
  }

  #made(): Tables<Served> {
    return (this.#tables ??= this.#make());
  }

  #make(): Tables<Served> {
    const offered = [...this.#published.values()].filter((one) => one.status === 'served').map((one) => ({ server: one.server, tool: this.nameOf(one), one }));
    const { exposed, hidden } = exposeAll(offered, sha256);
    this.hidden = hidden;
    const listed: { readonly name: string; readonly served: Served }[] = [];
    for (const [visible, { server, tool: name, one }] of exposed) {
      const served = this.serve(one, visible, `${server} ${String(one.order).padStart(8, '0')} ${name}`);
      if (served !== undefined) listed.push({ name, served });
    }
    listed.sort((a, b) => (a.served.place < b.served.place ? -1 : 1));
    const byExposed = new Map<string, Served>();
    const byServer = new Map<string, Map<string, Served>>();
    for (const { name, served } of listed) {
      byExposed.set(served.exposed, served);
      let ofServer = byServer.get(served.server);
      if (ofServer === undefined) byServer.set(served.server, (ofServer = new Map()));
      ofServer.set(name, served);
    }
    return { byExposed, byServer };
  }
}
