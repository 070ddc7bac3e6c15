import type { EventData } from '@customhouse/events/catalogue';
import type {
  catalogPromptPublished,
  catalogResourcePublished,
  catalogServerPublished,
  catalogTemplatePublished,
  catalogToolPublished,
  ListKind,
  PromptDefinition,
  Server,
  ToolDefinition,
  Toolset,
} from '@customhouse/events/registry/events';
import type { StateChange } from '@customhouse/event-log/state-follower';
import type { Annotations } from '@customhouse/policy-contract/input';
import { annotationsOf } from '@customhouse/policy-engine/annotations';
import { qualifyUri } from '@customhouse/mcp-wire/resource-uris';
import type { Endpoint } from './endpoint.js';
import { NameShelf } from './name-shelf.js';
import { ResourceShelf, type ResourceTarget, type ServedResource, type ServedTemplate } from './resource-shelf.js';
import { ToolsetFilter } from './toolset-filter.js';

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
  readonly annotations: Annotations;
  readonly generation: number;
  /** As the server sent it. */
  readonly described: ToolDefinition;
  /** Sorts tools in the order of their listing. */
  readonly place: string;
}

/** A prompt that is served: accepted, of a server that is enabled. */
export interface ServedPrompt {
  readonly server: string;
  /** The prompt's own name at its server. */
  readonly prompt: string;
  /** `server__prompt`. */
  readonly exposed: string;
  readonly definition: string;
  readonly labels: readonly string[];
  readonly generation: number;
  readonly described: PromptDefinition;
  readonly place: string;
}

type PublishedServer = EventData<typeof catalogServerPublished>;
type PublishedTool = EventData<typeof catalogToolPublished>;
type PublishedPrompt = EventData<typeof catalogPromptPublished>;

/** What clients may have to be told after a change. */
export interface CatalogChange {
  /** Lists that may be different now. */
  readonly lists: readonly ListKind[];
  /** The only server that it concerns, or the only toolset; null where it may concern any. */
  readonly server: string | null;
  readonly toolset: string | null;
}

const allLists: readonly ListKind[] = ['tools', 'prompts', 'resources', 'templates'];
const listOf = { tool: 'tools', prompt: 'prompts', resource: 'resources', template: 'templates' } as const;

/**
 * Servers and what they offer, followed from `customhouse.state.catalog`. What clients see of it depends on the endpoint that they
 * use, and is made when it is first asked for after a change.
 */
export class Catalog {
  /** Changes with every change of the content. */
  version = 0;
  readonly #servers = new Map<string, PublishedServer>();
  readonly #toolsets = new Map<string, ToolsetFilter>();
  readonly #tools = new NameShelf<PublishedTool, ServedTool>(
    ({ tool }) => tool,
    ({ server, tool, digest, labels, definition }, exposed, place) => {
      const generation = this.#enabledGeneration(server);
      return generation === undefined
        ? undefined
        : { server, tool, exposed, definition: digest, labels, annotations: annotationsOf(definition['annotations']), generation, described: definition, place };
    },
  );
  readonly #prompts = new NameShelf<PublishedPrompt, ServedPrompt>(
    ({ prompt }) => prompt,
    ({ server, prompt, digest, definition }, exposed, place) => {
      const generation = this.#enabledGeneration(server);
      return generation === undefined ? undefined : { server, prompt, exposed, definition: digest, labels: [], generation, described: definition, place };
    },
  );
  readonly #resources = new ResourceShelf((server) => this.#enabledGeneration(server));

  /** Answers whom the change concerns; undefined when it concerns no client. */
  apply({ key, event }: StateChange): CatalogChange | undefined {
    // What a newer version of the registry says in words that are not known here is not served.
    const data = event?.foreign === undefined ? event?.data : undefined;
    const [kind = '', name = ''] = key.split('/', 2);
    switch (kind) {
      case 'server':
        return this.#changed(this.#applyServer(key, data as PublishedServer | undefined));
      case 'toolset':
        if (data === undefined) this.#toolsets.delete(name);
        else this.#toolsets.set(name, new ToolsetFilter(data as Toolset));
        return this.#changed({ lists: allLists, server: null, toolset: name });
      case 'tool':
        this.#tools.put(key, data as PublishedTool | undefined);
        break;
      case 'prompt':
        this.#prompts.put(key, data as PublishedPrompt | undefined);
        break;
      case 'resource':
        this.#resources.putResource(key, data as EventData<typeof catalogResourcePublished> | undefined);
        break;
      case 'template':
        this.#resources.putTemplate(key, data as EventData<typeof catalogTemplatePublished> | undefined);
        break;
      default:
        return undefined;
    }
    return this.#changed({ lists: [listOf[kind]], server: name, toolset: null });
  }

  /** The server, enabled or not. */
  server(name: string): Server | undefined {
    return this.#servers.get(`server/${name}`)?.server;
  }

  /** Every server that is enabled, with what is known about reaching it. By name. */
  servers(): readonly PublishedServer[] {
    return [...this.#servers.values()].filter(({ server }) => server.enabled).sort((a, b) => (a.server.name < b.server.name ? -1 : 1));
  }

  /** What the server said about itself; undefined until it was reached for the first time. */
  discovered(name: string): PublishedServer['discovered'] | undefined {
    return this.#servers.get(`server/${name}`)?.discovered ?? undefined;
  }

  toolset(name: string): Toolset | undefined {
    return this.#toolsets.get(name)?.toolset;
  }

  /** Whether anything of the server may be seen at the endpoint. */
  concerns(at: Endpoint, server: string): boolean {
    if (at.server !== null) return at.server === server;
    return at.toolset === null || this.#toolsets.get(at.toolset)?.concerns(server) === true;
  }

  /** Whether the lists of the endpoint may be different after the change. */
  mayChange(at: Endpoint, { lists, server, toolset }: CatalogChange): boolean {
    if (toolset !== null) return at.toolset === toolset;
    // What one server has decides under which URIs the resources of others are shown.
    return server === null || this.concerns(at, server) || (at.server === null && (lists.includes('resources') || lists.includes('templates')));
  }

  /** By the name that clients of the endpoint use. */
  findTool(at: Endpoint, name: string): ServedTool | undefined {
    const found = at.server === null ? this.#tools.exposed(name) : this.#tools.own(at.server, name);
    return found !== undefined && this.#hasTool(at, found) ? found : undefined;
  }

  /** By the name that clients of the endpoint use. */
  findPrompt(at: Endpoint, name: string): ServedPrompt | undefined {
    const found = at.server === null ? this.#prompts.exposed(name) : this.#prompts.own(at.server, name);
    return found !== undefined && this.#hasPrompt(at, found) ? found : undefined;
  }

  /**
   * The one server that a URI leads to at the endpoint: by its list, by one of its templates, by the server's name in the URI, or because
   * the endpoint is the server's own. Undefined when there is none, or more than one (see `choices`).
   */
  findResource(at: Endpoint, uri: string): ResourceTarget | undefined {
    const candidates = this.#candidates(at, uri);
    return candidates.length === 1 ? candidates[0] : undefined;
  }

  /** The names under which a URI that several servers have can be asked for; empty when it is not so. */
  choices(at: Endpoint, uri: string): readonly string[] {
    const candidates = this.#candidates(at, uri);
    return candidates.length < 2 ? [] : candidates.map((target) => qualifyUri(target.server, target.uri));
  }

  /** A template by the text that clients of the endpoint see. */
  findTemplate(at: Endpoint, text: string): ServedTemplate | undefined {
    const found = this.#resources.template(at.server, text);
    return found !== undefined && this.#hasResource(at, found.server, found.template) ? found : undefined;
  }

  /** The URI that clients of the endpoint know for what the server calls so. */
  exposedUri(at: Endpoint, server: string, uri: string): string {
    if (at.server !== null) return uri;
    const target = this.#resources.candidates(uri);
    return target.length === 1 && target[0]!.server === server ? uri : qualifyUri(server, uri);
  }

  /** Tools in the order of their listing. */
  *tools(at: Endpoint): Iterable<ServedTool> {
    for (const tool of this.#tools.list(at.server)) if (this.#hasTool(at, tool)) yield tool;
  }

  *prompts(at: Endpoint): Iterable<ServedPrompt> {
    for (const prompt of this.#prompts.list(at.server)) if (this.#hasPrompt(at, prompt)) yield prompt;
  }

  *resources(at: Endpoint): Iterable<ServedResource> {
    for (const resource of this.#resources.resources) if (this.#hasResource(at, resource.server, resource.uri)) yield resource;
  }

  *templates(at: Endpoint): Iterable<ServedTemplate> {
    for (const template of this.#resources.templates) if (this.#hasResource(at, template.server, template.template)) yield template;
  }

  /** By the server's own name for it. */
  tool(server: string, tool: string): ServedTool | undefined {
    return this.#tools.own(server, tool);
  }

  /** By the server's own name for it. */
  prompt(server: string, prompt: string): ServedPrompt | undefined {
    return this.#prompts.own(server, prompt);
  }

  /** Whether the server offers such a tool that nobody has accepted yet, so that the refusal can say so. */
  isQuarantined(server: string, tool: string): boolean {
    return this.#tools.published(`tool/${server}/${tool}`)?.status === 'quarantined';
  }

  isPromptQuarantined(server: string, prompt: string): boolean {
    return this.#prompts.published(`prompt/${server}/${prompt}`)?.status === 'quarantined';
  }

  #changed(change: CatalogChange | undefined): CatalogChange | undefined {
    this.version += 1;
    return change;
  }

  #applyServer(key: string, published: PublishedServer | undefined): CatalogChange | undefined {
    const before = this.#servers.get(key)?.server;
    if (published === undefined) this.#servers.delete(key);
    else this.#servers.set(key, published);
    const after = published?.server;
    if (before?.enabled === after?.enabled && before?.generation === after?.generation) return undefined;
    for (const shelf of [this.#tools, this.#prompts, this.#resources]) shelf.forget();
    return { lists: allLists, server: (before ?? after)!.name, toolset: null };
  }

  #enabledGeneration(server: string): number | undefined {
    const known = this.server(server);
    return known?.enabled === true ? known.generation : undefined;
  }

  #candidates(at: Endpoint, uri: string): readonly ResourceTarget[] {
    if (at.server !== null) {
      const target = this.#resources.atServer(at.server, uri);
      return target === undefined ? [] : [target];
    }
    return this.#resources
      .candidates(uri)
      .filter(({ server, uri: own, template }) => this.#hasResource(at, server, own) || (template !== undefined && this.#hasResource(at, server, template.template)));
  }

  #hasTool({ toolset }: Endpoint, { server, tool }: ServedTool): boolean {
    return toolset === null || this.#toolsets.get(toolset)?.hasTool(server, tool) === true;
  }

  #hasPrompt({ toolset }: Endpoint, { server, prompt }: ServedPrompt): boolean {
    return toolset === null || this.#toolsets.get(toolset)?.hasPrompt(server, prompt) === true;
  }

  #hasResource(at: Endpoint, server: string, uri: string): boolean {
    if (at.server !== null) return at.server === server;
    return at.toolset === null || this.#toolsets.get(at.toolset)?.hasResource(server, uri) === true;
  }
}
