import { RecentMap } from '@customhouse/identity/recent-map';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { Catalog, ServedTool } from '../state/catalog.js';
import type { Caller } from './caller.js';
import { Failure } from './failure.js';

/** A tool in a list, as text, with the place that it is listed at. */
interface Listed {
  readonly place: string;
  readonly text: string;
}

interface List {
  readonly catalog: number;
  readonly policy: string;
  readonly tools: readonly Listed[];
}

/** Lists that are kept, one for each kind of caller and endpoint. */
const remembered = 200;

/**
 * Answers `tools/list` from the followed catalogue: the tools that the policy could ever allow this caller, under the names that
 * this endpoint uses. A list is made once for everybody whom the policy cannot tell apart, until catalogue or policy change.
 */
export class ToolLists {
  readonly #lists = new RecentMap<string, List>(remembered);
  /** Texts of definitions are the same in every list. */
  readonly #texts = new WeakMap<ServedTool, { own: string | undefined; exposed: string | undefined }>();

  constructor(
    private readonly catalog: Catalog,
    private readonly pageSize: number,
  ) {}

  /** The text of a `tools/list` result. Throws Failure for a cursor that is not ours. */
  page(caller: Caller, server: string | null, cursor: unknown, policy: Policy): string {
    const { tools } = this.#list(caller, server, policy);
    const start = cursor === undefined ? 0 : startAfter(tools, placeIn(cursor));
    const page = tools.slice(start, start + this.pageSize);
    const more = start + this.pageSize < tools.length ? `,"nextCursor":"${cursorFor(page.at(-1)!)}"` : '';
    return `{"tools":[${page.map((tool) => tool.text).join(',')}]${more}}`;
  }

  #list(caller: Caller, server: string | null, policy: Policy): List {
    const key = `${server ?? ''} ${caller.standing}`;
    const known = this.#lists.get(key);
    if (known !== undefined && known.catalog === this.catalog.version && known.policy === policy.version.digest) return known;
    const list = { catalog: this.catalog.version, policy: policy.version.digest, tools: this.#make(caller, server, policy) };
    this.#lists.set(key, list);
    return list;
  }

  #make(caller: Caller, server: string | null, policy: Policy): Listed[] {
    const { tenant, agent, person, groups, credential } = caller.principal;
    const principal = { tenant, agent, person, groups, credential: credential.kind };
    const listed: Listed[] = [];
    for (const tool of this.catalog.list(server)) {
      if (policy.visible(principal, tool)) listed.push({ place: tool.place, text: this.#text(tool, server === null) });
    }
    return listed;
  }

  #text(tool: ServedTool, exposed: boolean): string {
    let texts = this.#texts.get(tool);
    if (texts === undefined) this.#texts.set(tool, (texts = { own: undefined, exposed: undefined }));
    if (exposed) return (texts.exposed ??= JSON.stringify({ ...tool.described, name: tool.exposed }));
    return (texts.own ??= JSON.stringify(tool.described));
  }
}

/** Cursors hold a place and no number, so that they hold in every replica and after a change of the catalogue. */
function cursorFor(tool: Listed): string {
  return Buffer.from(`1${tool.place}`, 'utf8').toString('base64url');
}

function placeIn(cursor: unknown): string {
  const text = typeof cursor === 'string' && cursor.length < 2_000 ? Buffer.from(cursor, 'base64url').toString('utf8') : '';
  if (!text.startsWith('1')) throw new Failure('invalid-params', 'the cursor is not one that tools/list gave');
  return text.slice(1);
}

/** Places ascend. */
function startAfter(tools: readonly Listed[], place: string): number {
  let low = 0;
  let high = tools.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tools[middle]!.place <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}
