import { RecentMap } from '@customhouse/identity/recent-map';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { revisionOf } from '@customhouse/mcp-wire/revisions';
import { UpstreamFailed, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { Caller } from '../caller.js';
import { profileFor } from '../asks/client-link.js';
import type { Reply } from '../answers/dialect.js';
import { Failure } from '../failure.js';
import { serversWith } from './offer.js';
import type { Catalog } from '../../state/catalog.js';
import { seeing, type Sight } from '../lists/sight.js';
import type { Parts } from '../parts.js';
import type { Session } from './sessions.js';

const levels: ReadonlySet<unknown> = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']);
/** Sessions whose level is remembered. */
const remembered = 10_000;
/** One of several servers that takes longer hears of it, but nobody waits for it. */
const patience_ms = 2_000;

/** How much of what servers log the clients of legacy sessions want to hear (`logging/setLevel`). It is no call: nothing is read or changed by it. */
export class LogLevels {
  readonly #levels = new RecentMap<string, string>(remembered);

  /** What modern servers are told with each request of the session; undefined when the client said nothing. */
  of(session: string): string | undefined {
    return this.#levels.get(session);
  }

  /** Tells every server of the endpoint that logs. At a server's own endpoint its answer is the client's. Rejects with Failure. */
  async set(params: JsonObject | undefined, session: Session, caller: Caller, parts: Parts): Promise<Reply> {
    const level = params?.['level'];
    if (typeof level !== 'string' || !levels.has(level)) throw new Failure('invalid-params', `logging/setLevel needs "level", one of ${[...levels].join(', ')}`);
    this.#levels.set(session.id, level);
    const { who } = caller;
    parts.active.enter(who);
    try {
      const { catalog } = parts;
      const names = await seeing(parts.policy(), (sight) => serversWith('logging', session, catalog).filter((name) => isUsable(name, caller, catalog, sight)));
      const answers = names.map((name) => this.#tell(name, level, session, caller, parts));
      if (session.server !== null) return (await answers[0]) ?? { result: {} };
      await Promise.race([Promise.all(answers), new Promise((resolve) => setTimeout(resolve, patience_ms).unref())]);
      return { result: {} };
    } finally {
      parts.active.leave(who);
    }
  }

  /** Does not reject. */
  async #tell(name: string, level: string, session: Session, caller: Caller, parts: Parts): Promise<UpstreamAnswer> {
    try {
      return await parts.sender.call(parts.catalog.server(name)!, {
        method: 'logging/setLevel',
        params: { level },
        exposed: '',
        who: caller.who,
        session: session.id,
        era: revisionOf(session.protocol)?.era,
        profile: profileFor(session.capabilities, name, parts),
        due: performance.now() + parts.settings.connectTimeout_ms,
        max_bytes: 65_536,
        isCancelled: () => false,
        onSending: () => new AbortController().signal,
        onMessage: undefined,
        onRequest: undefined,
      });
    } catch (error) {
      if (!(error instanceof UpstreamFailed)) throw error;
      parts.logger.debug({ error, server: name }, 'a server could not be told how much a client wants to hear of its log');
      return { result: {} };
    }
  }
}

/** Whoever can use nothing of a server has no business with its log. */
function isUsable(server: string, caller: Caller, catalog: Catalog, sight: Sight): boolean {
  const principal = caller.seen;
  const at = { server, toolset: null };
  for (const tool of catalog.tools(at)) if (sight.visible(principal, tool)) return true;
  for (const { prompt, labels } of catalog.prompts(at)) if (sight.visible(principal, { server, tool: prompt, labels }, 'prompts/get')) return true;
  for (const { uri } of catalog.resources(at)) if (sight.visible(principal, { server, tool: uri, labels: [] }, 'resources/read')) return true;
  return false;
}
