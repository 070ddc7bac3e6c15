import type { EventData } from '@customhouse/events/catalogue';
import type { catalogResourcePublished, catalogTemplatePublished, ResourceDefinition, TemplateDefinition } from '@customhouse/events/registry/events';
import { isQualified, mayMatch, mayMeet, qualifyTemplate, qualifyUri, schemeOf, takeTemplateApart, unqualify, type TemplateParts } from '@customhouse/mcp-wire/resource-uris';

/** A resource that a server lists. */
export interface ServedResource {
  readonly server: string;
  readonly uri: string;
  /** The URI that clients see where servers share an endpoint: its own, or one with the server's name when another server has it too. */
  readonly exposed: string;
  /** Digest of how the server describes it. */
  readonly definition: string;
  readonly described: ResourceDefinition;
  readonly place: string;
}

/** A template of resources that a server lists. */
export interface ServedTemplate {
  readonly server: string;
  readonly template: string;
  readonly exposed: string;
  readonly definition: string;
  readonly described: TemplateDefinition;
  readonly place: string;
  readonly parts: TemplateParts;
}

const unlabelled: readonly string[] = [];

/** Where a URI leads: to one server, under the URI that this server knows. Nobody reviews resources, so there is no definition that was accepted. */
export interface ResourceTarget {
  readonly server: string;
  readonly uri: string;
  readonly generation: number;
  readonly definition: null;
  readonly labels: readonly string[];
  /** Undefined for a URI that is in no list. */
  readonly resource: ServedResource | undefined;
  /** The first template of that server that it may come from. */
  readonly template: ServedTemplate | undefined;
}

type PublishedResource = EventData<typeof catalogResourcePublished>;
type PublishedTemplate = EventData<typeof catalogTemplatePublished>;

interface Tables {
  /** In the order of their listing. */
  readonly resources: readonly ServedResource[];
  readonly templates: readonly ServedTemplate[];
  readonly byUri: ReadonlyMap<string, readonly ServedResource[]>;
  readonly byTemplate: ReadonlyMap<string, ServedTemplate>;
  readonly byScheme: ReadonlyMap<string, readonly ServedTemplate[]>;
  readonly ofServer: ReadonlyMap<string, readonly ServedTemplate[]>;
}

/**
 * Resources and templates of all servers. No server can take a URI from another: one that two servers may have is shown under the
 * names of both, and leads nowhere without one. A template that leaves even the scheme open would meet all others; it alone is
 * shown under its server's name.
 */
export class ResourceShelf {
  readonly #resources = new Map<string, PublishedResource>();
  readonly #templates = new Map<string, PublishedTemplate>();
  #tables: Tables | undefined;

  /** `generationOf` answers undefined for a server that is not there or switched off. */
  constructor(private readonly generationOf: (server: string) => number | undefined) {}

  putResource(key: string, published: PublishedResource | undefined): void {
    if (published === undefined) this.#resources.delete(key);
    else this.#resources.set(key, published);
    this.forget();
  }

  putTemplate(key: string, published: PublishedTemplate | undefined): void {
    if (published === undefined) this.#templates.delete(key);
    else this.#templates.set(key, published);
    this.forget();
  }

  /** Servers were switched on or off. */
  forget(): void {
    this.#tables = undefined;
  }

  get resources(): readonly ServedResource[] {
    return this.#made().resources;
  }

  get templates(): readonly ServedTemplate[] {
    return this.#made().templates;
  }

  /** At the server's own endpoint: the server knows best, so a URI that is in no list leads there as well. */
  atServer(server: string, uri: string): ResourceTarget | undefined {
    const { byUri, ofServer } = this.#made();
    const resource = byUri.get(uri)?.find((one) => one.server === server);
    return this.#target(
      server,
      uri,
      resource,
      ofServer.get(server)?.find(({ parts }) => mayMatch(parts, uri)),
    );
  }

  /** All that a URI may mean where servers share an endpoint: one, or none that is known, or several. */
  candidates(uri: string): readonly ResourceTarget[] {
    const qualified = unqualify(uri);
    if (qualified !== undefined) {
      const target = this.atServer(qualified.server, qualified.uri);
      return target === undefined ? [] : [target];
    }
    if (isQualified(uri)) return [];
    const { byUri, byScheme } = this.#made();
    const resources = new Map((byUri.get(uri) ?? []).map((resource) => [resource.server, resource]));
    const templates = new Map<string, ServedTemplate>();
    for (const template of byScheme.get(schemeOf([uri]) ?? '') ?? []) {
      if (!templates.has(template.server) && mayMatch(template.parts, uri)) templates.set(template.server, template);
    }
    const servers = new Set([...resources.keys(), ...templates.keys()]);
    return [...servers].map((server) => this.#target(server, uri, resources.get(server), templates.get(server))).filter((target) => target !== undefined);
  }

  /** A template by the text that clients see, or at the server's own endpoint by the server's. */
  template(server: string | null, text: string): ServedTemplate | undefined {
    const { byTemplate, ofServer } = this.#made();
    return server === null ? byTemplate.get(text) : ofServer.get(server)?.find((one) => one.template === text);
  }

  #target(server: string, uri: string, resource: ServedResource | undefined, template: ServedTemplate | undefined): ResourceTarget | undefined {
    const generation = this.generationOf(server);
    return generation === undefined ? undefined : { server, uri, generation, definition: null, labels: unlabelled, resource, template };
  }

  #made(): Tables {
    return (this.#tables ??= this.#make());
  }

  #make(): Tables {
    const drafts = [...this.#templates.values()].filter((one) => this.generationOf(one.server) !== undefined).map((one) => ({ one, parts: takeTemplateApart(one.template) }));
    const plain = [...this.#resources.values()].filter((one) => this.generationOf(one.server) !== undefined);
    const owners = groupBy(plain, (one) => one.uri);
    const draftsByScheme = groupBy(drafts, ({ parts }) => schemeOf(parts) ?? '');
    const resources = plain.map((one): ServedResource => {
      const { server, uri, digest, definition, order } = one;
      const rivals = draftsByScheme.get(schemeOf([uri]) ?? '') ?? [];
      const shared =
        isQualified(uri) || owners.get(uri)!.some((other) => other.server !== server) || rivals.some((rival) => rival.one.server !== server && mayMatch(rival.parts, uri));
      return { server, uri, exposed: shared ? qualifyUri(server, uri) : uri, definition: digest, described: definition, place: placeOf(server, order, uri) };
    });
    const byScheme = groupBy(plain, (one) => schemeOf([one.uri]) ?? '');
    const templates = drafts.map(({ one, parts }): ServedTemplate => {
      const { server, template, digest, definition, order } = one;
      const scheme = schemeOf(parts);
      const shared =
        scheme === undefined ||
        isQualified(template) ||
        draftsByScheme.get(scheme)!.some((rival) => rival.one.server !== server && mayMeet(rival.parts, parts)) ||
        (byScheme.get(scheme) ?? []).some((rival) => rival.server !== server && mayMatch(parts, rival.uri));
      const exposed = shared ? qualifyTemplate(server, template) : template;
      return { server, template, exposed, definition: digest, described: definition, place: placeOf(server, order, template), parts };
    });
    resources.sort(byPlace);
    templates.sort(byPlace);
    const open = templates.filter(({ parts }) => schemeOf(parts) !== undefined);
    return {
      resources,
      templates,
      byUri: groupBy(resources, (one) => one.uri),
      byTemplate: new Map(templates.map((one) => [one.exposed, one])),
      byScheme: groupBy(open, ({ parts }) => schemeOf(parts)!),
      ofServer: groupBy(templates, (one) => one.server),
    };
  }
}

function placeOf(server: string, order: number, name: string): string {
  return `${server} ${String(order).padStart(8, '0')} ${name}`;
}

function byPlace(a: { readonly place: string }, b: { readonly place: string }): number {
  return a.place < b.place ? -1 : 1;
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
