import type { EventData } from '@customhouse/events/catalogue';
import type { catalogResourcePublished, catalogTemplatePublished, ResourceDefinition, TemplateDefinition } from '@customhouse/events/registry/events';
import { isQualified, mayMatch, mayMeet, qualifyTemplate, qualifyUri, schemeOf, takeTemplateApart, unqualify, type TemplateParts } from '@customhouse/mcp-wire/resource-uris';
import { TemplateIndex } from './template-index.js';

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
  /** Those that leave the scheme open are not in it. */
  readonly index: TemplateIndex<ServedTemplate>;
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
    const { byUri, index } = this.#made();
    const resources = new Map((byUri.get(uri) ?? []).map((resource) => [resource.server, resource]));
    const templates = new Map<string, ServedTemplate>();
    for (const template of index.matching(uri)) {
      const known = templates.get(template.server);
      if (known === undefined || template.place < known.place) templates.set(template.server, template);
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
    const listed = [...this.#resources.values()].filter((one) => this.generationOf(one.server) !== undefined);
    const rivals = rivalry(listed, drafts);
    const resources = listed.map((one): ServedResource => {
      const { server, uri, digest, definition, order } = one;
      return { server, uri, exposed: rivals.has(one) ? qualifyUri(server, uri) : uri, definition: digest, described: definition, place: placeOf(server, order, uri) };
    });
    const templates = drafts.map(({ one, parts }): ServedTemplate => {
      const { server, template, digest, definition, order } = one;
      const exposed = rivals.has(one) ? qualifyTemplate(server, template) : template;
      return { server, template, exposed, definition: digest, described: definition, place: placeOf(server, order, template), parts };
    });
    resources.sort(byPlace);
    templates.sort(byPlace);
    return {
      resources,
      templates,
      byUri: groupBy(resources, (one) => one.uri),
      byTemplate: new Map(templates.map((one) => [one.exposed, one])),
      index: new TemplateIndex(templates.filter(({ parts }) => schemeOf(parts) !== undefined)),
      ofServer: groupBy(templates, (one) => one.server),
    };
  }
}

interface Draft {
  readonly one: PublishedTemplate;
  readonly parts: TemplateParts;
}

/** The resources and templates that are not the only ones to have a URI, or that look like names of ours. */
function rivalry(resources: readonly PublishedResource[], drafts: readonly Draft[]): ReadonlySet<PublishedResource | PublishedTemplate> {
  const rivals = new Set<PublishedResource | PublishedTemplate>();
  const byScheme = groupBy(drafts, ({ parts }) => schemeOf(parts) ?? '');
  for (const { one } of byScheme.get('') ?? []) rivals.add(one);
  byScheme.delete('');
  const index = new TemplateIndex([...byScheme.values()].flat());
  for (const [uri, owners] of groupBy(resources, (one) => one.uri)) {
    const matching = [...index.matching(uri)];
    const servers = new Set([...owners.map((one) => one.server), ...matching.map(({ one }) => one.server)]);
    if (servers.size > 1) for (const one of [...owners, ...matching.map((draft) => draft.one)]) rivals.add(one);
    else if (isQualified(uri)) for (const one of owners) rivals.add(one);
  }
  for (const same of byScheme.values()) {
    for (const { one, parts } of same) if (isQualified(one.template) || same.some((other) => other.one.server !== one.server && mayMeet(other.parts, parts))) rivals.add(one);
  }
  return rivals;
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
