import type { ListKind } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Annotations } from '@customhouse/policy-contract/input';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Catalog } from '../../state/catalog.js';
import type { Endpoint } from '../../state/endpoint.js';

/** One item of a list, as its server described it. */
export interface Entry {
  readonly server: string;
  /** By the server's own name: what a policy looks at. */
  readonly target: string;
  readonly labels: readonly string[];
  /** Of a tool. */
  readonly annotations?: Annotations;
  /** The target is a template, and stands for many. */
  readonly template?: boolean;
  readonly place: string;
  readonly described: JsonObject;
  /** The name where servers share an endpoint. */
  readonly exposed: string;
}

/** What is different about each of the lists. */
export interface ListMethod {
  readonly kind: ListKind;
  /** The member of the result that has the items. */
  readonly member: string;
  /** The member of an item that is its name. */
  readonly name: string;
  /** The capability that a server with such a list declares. */
  readonly capability: string;
  /** Whoever may never do this with an item does not see it. */
  readonly use: GovernedMethod;
  /** The mark of its cursors. */
  readonly mark: string;
  entries(catalog: Catalog, at: Endpoint): Iterable<Entry>;
}

const unlabelled: readonly string[] = [];

function* mapped<Item>(items: Iterable<Item>, entryOf: (item: Item) => Entry): Iterable<Entry> {
  for (const item of items) yield entryOf(item);
}

export const listMethods = {
  'tools/list': {
    kind: 'tools',
    member: 'tools',
    name: 'name',
    capability: 'tools',
    use: 'tools/call',
    mark: 't',
    entries: (catalog, at) =>
      mapped(catalog.tools(at), ({ server, tool, labels, annotations, place, described, exposed }) => ({
        server,
        target: tool,
        labels,
        annotations,
        place,
        described: described as JsonObject,
        exposed,
      })),
  },
  'prompts/list': {
    kind: 'prompts',
    member: 'prompts',
    name: 'name',
    capability: 'prompts',
    use: 'prompts/get',
    mark: 'p',
    entries: (catalog, at) =>
      mapped(catalog.prompts(at), ({ server, prompt, labels, place, described, exposed }) => ({
        server,
        target: prompt,
        labels,
        place,
        described: described as JsonObject,
        exposed,
      })),
  },
  'resources/list': {
    kind: 'resources',
    member: 'resources',
    name: 'uri',
    capability: 'resources',
    use: 'resources/read',
    mark: 'r',
    entries: (catalog, at) =>
      mapped(catalog.resources(at), ({ server, uri, place, described, exposed }) => ({
        server,
        target: uri,
        labels: unlabelled,
        place,
        described: described as JsonObject,
        exposed,
      })),
  },
  'resources/templates/list': {
    kind: 'templates',
    member: 'resourceTemplates',
    name: 'uriTemplate',
    capability: 'resources',
    use: 'resources/read',
    mark: 'u',
    entries: (catalog, at) =>
      mapped(catalog.templates(at), ({ server, template, place, described, exposed }) => ({
        server,
        target: template,
        labels: unlabelled,
        template: true,
        place,
        described: described as JsonObject,
        exposed,
      })),
  },
} as const satisfies Readonly<Record<string, ListMethod>>;

export type ListMethodName = keyof typeof listMethods;

export function isListMethod(method: unknown): method is ListMethodName {
  return typeof method === 'string' && Object.hasOwn(listMethods, method);
}
