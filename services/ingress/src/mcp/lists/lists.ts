import { RecentMap } from '@customhouse/identity/recent-map';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { couldHold } from '@customhouse/policy-engine/could-hold';
import type { InstantPolicy, Policy } from '@customhouse/policy-engine/policy';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { Catalog } from '../../state/catalog.js';
import { endpointKey, type Endpoint } from '../../state/endpoint.js';
import type { Caller } from '../caller.js';
import { Failure } from '../failure.js';
import { incompleteParts, metaOf } from './incomplete.js';
import { listMethods, type Entry, type ListMethod, type ListMethodName } from './list-methods.js';
import { seeing, type Sight } from './sight.js';
import { searchTools, ToolSearch } from './tool-search.js';

/** An item of a list, as text, with the place that it is listed at. */
interface Listed {
  readonly place: string;
  readonly text: string;
}

interface List {
  readonly catalog: number;
  readonly policy: string;
  readonly items: readonly Listed[];
  /** The text of `_meta` with its name, or nothing. */
  readonly meta: string;
}

export interface ListSettings {
  /** Items in one page. */
  readonly pageSize: number;
  /** For how long a client may keep a list; said to clients of the modern era. */
  readonly listTtl_ms: number;
}

/** For whom a list is: a client of 2025-11-25 is told which tools may be called as tasks, one of 2026-07-28 for how long it may keep the list. */
export type Reader = 'legacy' | '2025-11-25' | 'modern';

/** Texts of a definition. The exposed name may change with the catalogue. */
interface Texts {
  own?: string;
  exposed?: { readonly name: string; readonly text: string };
}

/** Lists that are kept, one for each kind of caller, endpoint and method. */
const remembered = 400;

/**
 * Answers the lists from the followed catalogue, without asking any server: what the policy could ever allow this caller, under the names
 * that the endpoint uses. A list is made once for everybody whom the policy cannot tell apart, until catalogue or policy change.
 */
export class Lists {
  readonly #lists = new RecentMap<string, List>(remembered);
  /** Texts of definitions are the same in every list. By the definition; as it is, and as that of a tool that may be called as a task. */
  readonly #texts = new WeakMap<JsonObject, Texts>();
  readonly #taskTexts = new WeakMap<JsonObject, Texts>();

  readonly search: ToolSearch;

  constructor(
    private readonly catalog: Catalog,
    private readonly settings: ListSettings,
  ) {
    this.search = new ToolSearch(catalog);
  }

  /** The text of a result. Throws Failure, also for a cursor that is not ours. A promise where the policy is evaluated elsewhere; it rejects likewise. */
  page(name: ListMethodName, caller: Caller, at: Endpoint, params: JsonObject | undefined, policy: InstantPolicy, reader?: Reader): string;
  page(name: ListMethodName, caller: Caller, at: Endpoint, params: JsonObject | undefined, policy: Policy, reader?: Reader): string | Promise<string>;
  page(name: ListMethodName, caller: Caller, at: Endpoint, params: JsonObject | undefined, policy: Policy, reader: Reader = 'legacy'): string | Promise<string> {
    const method = listMethods[name];
    const cursor = params?.['cursor'];
    const list = this.#list(method, caller, at, policy, reader === '2025-11-25' && method.kind === 'tools');
    return list instanceof Promise ? list.then((made) => this.#page(method, made, cursor, reader)) : this.#page(method, list, cursor, reader);
  }

  #page(method: ListMethod, { items, meta }: List, cursor: unknown, reader: Reader): string {
    const { pageSize, listTtl_ms } = this.settings;
    const start = cursor === undefined ? 0 : startAfter(items, placeIn(cursor, method));
    const page = items.slice(start, start + pageSize);
    const more = start + pageSize < items.length ? `,"nextCursor":"${cursorFor(page.at(-1)!, method)}"` : '';
    const extra = reader === 'modern' ? `,"resultType":"complete","ttlMs":${listTtl_ms},"cacheScope":"private"` : '';
    return `{"${method.member}":[${page.map((item) => item.text).join(',')}]${more}${extra}${meta}}`;
  }

  #list(method: ListMethod, caller: Caller, at: Endpoint, policy: Policy, withTasks: boolean): List | Promise<List> {
    const key = `${method.mark}${withTasks ? '+' : ''} ${endpointKey(at)} ${caller.standing}`;
    const known = this.#lists.get(key);
    if (known !== undefined && known.catalog === this.catalog.version && known.policy === policy.version.digest) return known;
    const made = seeing(policy, (sight) => ({
      catalog: this.catalog.version,
      policy: policy.version.digest,
      ...this.#make(method, caller, at, sight, withTasks ? policy.version : undefined),
    }));
    const keep = (list: List): List => {
      this.#lists.set(key, list);
      return list;
    };
    return made instanceof Promise ? made.then(keep) : keep(made);
  }

  /** `held`: the version of the policy that says which tools are called as tasks, because their calls could be held; undefined where nobody asks. */
  #make(method: ListMethod, caller: Caller, at: Endpoint, sight: Sight, held: PolicyVersion | undefined): Pick<List, 'items' | 'meta'> {
    const principal = caller.seen;
    if (method.kind === 'tools' && this.search.serves(at)) return { items: searchItems, meta: '' };
    const items: Listed[] = [];
    const seen = new Set<string>();
    for (const entry of method.entries(this.catalog, at)) {
      const { server, target, labels, annotations, template, place } = entry;
      if (!sight.visible(principal, { server, tool: target, labels, ...(annotations && { annotations }), ...(template === true && { template }) }, method.use)) continue;
      seen.add(server);
      const asTask = held !== undefined && !saysTasks(entry.described) && couldHold(held, server, target, labels);
      items.push({ place, text: this.#text(entry, method.name, at.server === null, asTask) });
    }
    const incomplete = incompleteParts(this.catalog, at, method, principal, sight, seen);
    return { items, meta: incomplete.length === 0 ? '' : `,"_meta":${JSON.stringify(metaOf(incomplete))}` };
  }

  #text({ described, exposed }: Entry, name: string, shared: boolean, asTask: boolean): string {
    const known = asTask ? this.#taskTexts : this.#texts;
    let texts = known.get(described);
    if (texts === undefined) known.set(described, (texts = {}));
    const whole = (): JsonObject => (asTask ? takingTasks(described) : described);
    if (!shared) return (texts.own ??= JSON.stringify(whole()));
    if (texts.exposed?.name !== exposed) texts.exposed = { name: exposed, text: JSON.stringify({ ...whole(), [name]: exposed }) };
    return texts.exposed.text;
  }
}

/** Whether a server says itself that its tool may be called as a task. */
function saysTasks({ execution }: JsonObject): boolean {
  return isJsonObject(execution) && (execution['taskSupport'] === 'optional' || execution['taskSupport'] === 'required');
}

/** The gateway makes a task of each call for a client that wants one, whatever the server knows of that; libraries ask only where the tool says so. */
function takingTasks(described: JsonObject): JsonObject {
  const { execution } = described;
  return { ...described, execution: { ...(isJsonObject(execution) ? execution : {}), taskSupport: 'optional' } };
}

const searchItems: readonly Listed[] = searchTools.map((tool, index) => ({ place: String(index), text: JSON.stringify(tool) }));

/** Cursors hold a place and no number, so that they hold in every replica and after a change of the catalogue. */
function cursorFor({ place }: Listed, { mark }: ListMethod): string {
  return Buffer.from(`1${mark}${place}`, 'utf8').toString('base64url');
}

function placeIn(cursor: unknown, { mark, member }: ListMethod): string {
  const text = typeof cursor === 'string' && cursor.length < 8_000 ? Buffer.from(cursor, 'base64url').toString('utf8') : '';
  if (!text.startsWith(`1${mark}`)) throw new Failure('invalid-params', `the cursor is not one that the list of ${member} gave`);
  return text.slice(2);
}

/** Places ascend. */
function startAfter(items: readonly Listed[], place: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle]!.place <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}
