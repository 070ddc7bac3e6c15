import { expect, it } from '@jest/globals';
import type { ReplicatedGateway } from '../modes/replicas.js';
import type { TruthServer } from '../peers/truth.js';

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly result?: { readonly content?: { readonly text: string }[] };
  readonly error?: { readonly code: number; readonly data?: { readonly rule?: string } };
}

/** A legacy client that reads a stream as it comes; all its requests go where the balancer says. */
class StreamReader {
  private session = '';

  constructor(private readonly url: string) {}

  async initialize(): Promise<void> {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'reader', version: '1' } };
    const answer = await this.send('POST', { id: 0, method: 'initialize', params });
    this.session = answer.headers.get('mcp-session-id')!;
    await answer.text();
    await (await this.send('POST', { method: 'notifications/initialized' })).text();
  }

  send(method: 'POST' | 'GET', message?: object, headers: Record<string, string> = {}): Promise<Response> {
    const own = this.session === '' ? {} : { 'mcp-session-id': this.session, 'mcp-protocol-version': '2025-11-25' };
    return fetch(this.url, {
      method,
      headers: { accept: 'application/json, text/event-stream', ...(message && { 'content-type': 'application/json' }), ...own, ...headers },
      ...(message && { body: JSON.stringify({ jsonrpc: '2.0', ...message }) }),
      signal: AbortSignal.timeout(50_000),
    });
  }
}

/** Events of a stream, until one is wanted or the stream ends. */
async function eventsUntil(answer: Response, wanted: (event: { id?: string; message?: Message }) => boolean): Promise<{ id?: string; message?: Message }[]> {
  const events: { id?: string; message?: Message }[] = [];
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of answer.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const parts = text.split('\n\n');
    text = parts.pop()!;
    for (const part of parts) {
      const id = /^id: (.*)$/m.exec(part)?.[1];
      const data = /^data: (.+)$/m.exec(part)?.[1];
      const event = { ...(id && { id }), ...(data?.trim() && { message: JSON.parse(data) as Message }) };
      events.push(event);
      if (wanted(event)) return events;
    }
  }
  return events;
}

/** What becomes of calls when one of several replicas dies. The truth server is registered as "truth". */
export function replicaDeath(gateway: () => ReplicatedGateway, truth: () => TruthServer): void {
  /** A call of the slow tool that the replica makes which is about to die. It is on its way when this resolves. */
  async function slowCallAtReplica(reader: StreamReader, id: number): Promise<Response> {
    for (let attempt = 0; ; attempt += 1) {
      const mark = `call-${id}-${attempt}`;
      const seen = truth().seen.length;
      const answer = await reader.send('POST', { id, method: 'tools/call', params: { name: 'truth__slow', arguments: {}, _meta: { progressToken: id } } }, { 'x-mark': mark });
      while (truth().seen.length === seen) await new Promise((resolve) => setTimeout(resolve, 20));
      if (gateway().balancer.marked.get(mark) === gateway().replicaOrigin) return answer;
      truth().release();
      await answer.text();
    }
  }

  it('[any-replica] a client continues a lost stream at another replica, and gets the answer of a call that is made once', async () => {
    const reader = new StreamReader(`${gateway().origin}/mcp`);
    await reader.initialize();
    const answer = await slowCallAtReplica(reader, 1);
    const [first] = await eventsUntil(answer, () => true);
    await answer.body!.cancel().catch(() => undefined);
    const calls = truth().seen.length;
    for (let round = 0; round < 2; round += 1) {
      const resumed = await reader.send('GET', undefined, { 'last-event-id': first!.id! });
      truth().release();
      const events = await eventsUntil(resumed, ({ message }) => message?.id === 1);
      expect(events.at(-1)?.message?.result?.content?.[0]?.text).toEqual(expect.any(String));
    }
    expect(truth().seen).toHaveLength(calls);
  });

  it('[replica-death] a replica that dies in the middle costs the calls in flight on it, and their clients hear so at another one', async () => {
    const reader = new StreamReader(`${gateway().origin}/mcp`);
    await reader.initialize();
    const answer = await slowCallAtReplica(reader, 2);
    const [first] = await eventsUntil(answer, () => true);
    await gateway().killReplica();
    const resumed = await reader.send('GET', undefined, { 'last-event-id': first!.id! });
    // The session goes on at once at the other one.
    for (let id = 3; id < 7; id += 1) {
      const next = await reader.send('POST', { id, method: 'tools/call', params: { name: 'truth__note', arguments: { text: `after ${id}` } } });
      expect(((await next.json()) as Message).result).toBeDefined();
    }
    const events = await eventsUntil(resumed, ({ message }) => message?.id === 2);
    expect(events.at(-1)?.message?.error).toMatchObject({ code: -31003, data: { rule: 'outcome-unknown' } });
    truth().release();
    await gateway().startReplica();
  });
}
