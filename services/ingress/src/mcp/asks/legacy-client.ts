import { isJsonObject, isRequestId, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { notificationText } from '@customhouse/mcp-wire/messages';
import { UpstreamFailed, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { ClientAsks } from './client-asks.js';
import { newUlid } from '@customhouse/sealing/random';
import { saidIn } from '../../holds/confirmation.js';
import type { ClientSide, Page, Visit } from '../sessions/client-side.js';
import { lacking } from './client-capabilities.js';
import type { Exchange } from '../http/exchange.js';
import type { Session } from '../sessions/sessions.js';

/** Sends something to the client of a session on its standing stream. False when it certainly has none. */
export type Aside = (session: string, message: JsonObject) => boolean;

/**
 * A client of the legacy era: it is told and asked on the stream that its own request is answered with, and answers with a POST. When that
 * stream has ended, it is asked on its standing one.
 */
export class LegacyClient implements ClientSide {
  readonly outlivesCalls = true;

  constructor(
    private readonly call: string,
    protected readonly session: Session,
    protected readonly exchange: Exchange,
    private readonly asks: ClientAsks,
    protected readonly aside: Aside,
  ) {}

  get capabilities(): JsonObject {
    return this.session.capabilities;
  }

  notify(method: string, params: JsonObject | undefined): void {
    this.exchange.notify(notificationText(method, params), performance.now());
  }

  pause(): void {
    this.exchange.pause();
  }

  onAnswered(listener: () => void): void {
    this.exchange.onDelivered(listener);
  }

  ask(method: string, params: JsonObject, signal: AbortSignal, onProgress?: (params: JsonObject) => void): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new UpstreamFailed('cancelled', 'no', 'nobody waits for the answer of the client any more'));
      const end = (): void => {
        waiting.forget();
        this.settled(waiting.id);
        signal.removeEventListener('abort', onAbort);
      };
      const waiting = this.asks.wait(this.call, this.session.id, {
        onAnswer: (answer) => {
          end();
          resolve(answer);
        },
        onProgress: (progress) => onProgress?.(progress),
      });
      const onAbort = (): void => {
        end();
        const reason = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError' ? 'timeout' : 'cancelled';
        this.deliver({
          jsonrpc: '2.0',
          method: 'notifications/cancelled',
          params: { requestId: waiting.id, reason: reason === 'timeout' ? 'the answer took too long' : 'the answer is no longer needed' },
        });
        reject(new UpstreamFailed(reason, 'maybe', reason === 'timeout' ? 'the client did not answer in time' : 'nobody waits for the answer of the client any more'));
      };
      signal.addEventListener('abort', onAbort);
      if (this.deliver({ jsonrpc: '2.0', id: waiting.id, method, params: inItsWords(method, params, waiting.id) })) return;
      end();
      reject(new UpstreamFailed('closed', 'no', 'the client of the call is gone, or takes no stream on which it could be asked'));
    });
  }

  /** Clients of earlier revisions know no pages. What the client answers decides nothing, and it need not answer at all. */
  visit({ url, message, onSaid }: Page): Visit | undefined {
    const question = { mode: 'url', message, url, elicitationId: newUlid() };
    if (this.session.protocol < '2025-11-25' || lacking(this.capabilities, 'elicitation/create', question) !== undefined) return undefined;
    const stop = new AbortController();
    let arrived = true;
    this.ask('elicitation/create', question, stop.signal).then(
      (answer) => {
        const said = saidIn(answer);
        if (said !== undefined) onSaid(said);
      },
      // It waits as any other client does.
      () => (arrived = false),
    );
    return {
      over: () => {
        if (!arrived) return;
        stop.abort();
        this.deliver({ jsonrpc: '2.0', method: 'notifications/elicitation/complete', params: { elicitationId: question.elicitationId } });
      },
    };
  }

  /** Sends a request or a notification. False when it cannot arrive. */
  protected deliver(message: JsonObject): boolean {
    return this.exchange.deliver(JSON.stringify(message), performance.now()) || this.aside(this.session.id, message);
  }

  /** Nobody waits for the answer to a request any more. */
  protected settled(_id: string): void {}
}

/**
 * Progress comes back under a token of this hop, which is the id of the request. A page that a server of 2026-07-28 sends the user to has no id of its
 * own, and clients of earlier revisions take none without: it gets that one, too.
 */
function inItsWords(method: string, params: JsonObject, id: string): JsonObject {
  const page = method === 'elicitation/create' && params['mode'] === 'url' && params['elicitationId'] === undefined;
  const worded = page ? { ...params, elicitationId: id } : params;
  const meta = worded['_meta'];
  return isJsonObject(meta) && isRequestId(meta['progressToken']) ? { ...worded, _meta: { ...meta, progressToken: id } } : worded;
}
