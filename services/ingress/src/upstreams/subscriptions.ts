import type { UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { Errand } from './errand.js';

/** Which sessions wait for news of which resources of one connection. */
export class Subscriptions {
  /** By the server's URI: by session the URI that the client knows it under. */
  readonly #byUri = new Map<string, Map<string, string>>();

  get any(): boolean {
    return this.#byUri.size > 0;
  }

  uris(): Iterable<string> {
    return [...this.#byUri.keys()];
  }

  /** Sessions with the URI that each knows the resource under. */
  of(uri: unknown): Iterable<readonly [string, string]> {
    return (typeof uri === 'string' && this.#byUri.get(uri)) || [];
  }

  /** Ends those of a session. The resources that nobody waits for any more. */
  forget(session: string): string[] {
    const ended: string[] = [];
    for (const [uri, sessions] of this.#byUri) {
      if (!sessions.delete(session) || sessions.size > 0) continue;
      this.#byUri.delete(uri);
      ended.push(uri);
    }
    return ended;
  }

  /** Whether this is the end of a subscription that another session still needs. */
  isShared(errand: Errand): boolean {
    if (errand.method !== 'resources/unsubscribe') return false;
    const sessions = this.#byUri.get(String(errand.params['uri']));
    return sessions !== undefined && [...sessions.keys()].some((session) => session !== errand.session);
  }

  /** Takes note of what the server agreed to. The answer itself. */
  note(errand: Errand, answer: UpstreamAnswer): UpstreamAnswer {
    const { uri } = errand.params;
    if (typeof uri !== 'string' || 'error' in answer) return answer;
    if (errand.method === 'resources/subscribe') {
      let sessions = this.#byUri.get(uri);
      if (sessions === undefined) this.#byUri.set(uri, (sessions = new Map()));
      sessions.set(errand.session, errand.exposed);
    } else if (errand.method === 'resources/unsubscribe') {
      const sessions = this.#byUri.get(uri);
      sessions?.delete(errand.session);
      if (sessions?.size === 0) this.#byUri.delete(uri);
    }
    return answer;
  }
}
