import { describe, expect, it } from '@jest/globals';
import type { JsonObject, RequestId } from '@customhouse/mcp-wire/json-rpc';
import type { CallOptions, Upstream, UpstreamAnswer } from '@customhouse/upstream/upstream';
import { silentClient, type Errand, type UpstreamRequest } from './errand.js';
import { Line } from './line.js';

/** A connection on which the test plays the server. */
class PlayedServer {
  readonly era = 'legacy';
  readonly initialized = {};
  readonly protocol = '2025-11-25';
  readonly calls: { method: string; params: JsonObject; options: CallOptions; answer: (answer: UpstreamAnswer) => void }[] = [];
  readonly responses: [RequestId, UpstreamAnswer][] = [];
  readonly notifications: { method: string; params?: JsonObject }[] = [];
  say!: (message: JsonObject) => void;
  lose!: (reason: string) => void;
  readonly closed = new Promise<string>((resolve) => (this.lose = resolve));
  call({ method, params }: { method: string; params: JsonObject }, options: CallOptions): Promise<UpstreamAnswer> {
    return new Promise((answer) => this.calls.push({ method, params, options, answer }));
  }
  notify(notification: { method: string; params?: JsonObject }): Promise<void> {
    this.notifications.push(notification);
    return Promise.resolve();
  }
  respond(id: RequestId, answer: UpstreamAnswer): Promise<void> {
    this.responses.push([id, answer]);
    return Promise.resolve();
  }
  onMessage(listener: (message: JsonObject) => void): void {
    this.say = listener;
  }
  close(): Promise<void> {
    this.lose('closed by us');
    return Promise.resolve();
  }
}

interface Told {
  readonly messages: JsonObject[];
  readonly requests: UpstreamRequest[];
}

function lineTo(single = false): { line: Line; servers: PlayedServer[]; notices: [string[], JsonObject][] } {
  const servers: PlayedServer[] = [];
  const notices: [string[], JsonObject][] = [];
  const open = (): Promise<Upstream> => {
    servers.push(new PlayedServer());
    return Promise.resolve(servers.at(-1) as unknown as Upstream);
  };
  return { line: new Line(open, single, (sessions, notice) => notices.push([[...sessions], notice])), servers, notices };
}

function errand(changes: Partial<Errand> = {}): Errand & Told {
  const told: Told = { messages: [], requests: [] };
  return {
    ...told,
    ...{ method: 'tools/call', params: {}, exposed: 'x', who: 'ada', session: 'S1', profile: silentClient, due: performance.now() + 5_000, max_bytes: 1_000 },
    isCancelled: () => false,
    onSending: () => new AbortController().signal,
    onMessage: (message) => told.messages.push(message),
    onRequest: (request) => told.requests.push(request),
    ...changes,
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const done: UpstreamAnswer = { result: {} };
const logged = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } };
const question = { jsonrpc: '2.0', id: 7, method: 'roots/list', params: { a: 1 } };

async function sent(line: Line, servers: PlayedServer[], made: Errand): Promise<PlayedServer> {
  void line.call(made);
  await settled();
  return servers.at(-1)!;
}

describe('what a server says on the stream of a call', () => {
  it('is for that call', async () => {
    const { line, servers } = lineTo();
    const [first, second] = [errand(), errand()];
    const server = await sent(line, servers, first);
    await sent(line, servers, second);
    server.calls[0]!.options.onMessage!(logged);
    server.calls[0]!.options.onMessage!(question);
    expect([first.messages, second.messages]).toEqual([[logged], []]);
    expect(first.requests[0]).toMatchObject({ method: 'roots/list', params: { a: 1 } });
    first.requests[0]!.respond({ result: { roots: [] } });
    expect(server.responses).toEqual([[7, { result: { roots: [] } }]]);
  });
});

describe('a request of a server', () => {
  it('that does not say which call it belongs to goes to the latest one', async () => {
    const { line, servers } = lineTo();
    const [first, second] = [errand(), errand()];
    const server = await sent(line, servers, first);
    await sent(line, servers, second);
    server.say(question);
    expect([first.requests.length, second.requests.length]).toEqual([0, 1]);
    server.calls[1]!.answer(done);
    await settled();
    server.say({ ...question, id: 8 });
    expect(first.requests).toHaveLength(1);
  });

  it('that comes between calls is for the client of the last call that can be asked something', async () => {
    const { line, servers } = lineTo();
    const roots = { capabilities: { roots: {} }, key: 'roots' };
    const [first, last] = [errand({ profile: roots }), errand({ profile: roots })];
    const server = await sent(line, servers, first);
    await sent(line, servers, last);
    for (const call of server.calls) call.answer(done);
    await settled();
    server.say(question);
    expect([first.requests.length, last.requests.length]).toEqual([0, 1]);
  });

  it('that comes while there is no call that it could belong to is answered with an error', async () => {
    const { line, servers } = lineTo();
    const server = await sent(line, servers, errand());
    server.calls[0]!.answer(done);
    await settled();
    server.say(question);
    expect(server.responses).toEqual([[7, { error: { code: -32601, message: expect.stringContaining('no call that it belongs to') } }]]);
  });

  it('is aborted when the server takes it back, and its answer goes nowhere', async () => {
    const { line, servers } = lineTo();
    const made = errand();
    const server = await sent(line, servers, made);
    server.say(question);
    server.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    expect(made.requests[0]!.signal.aborted).toBe(true);
    made.requests[0]!.respond(done);
    expect([server.responses, made.messages]).toEqual([[], []]);
  });

  it('that came on the stream of a call is aborted when the call ends, and one that came otherwise is not', async () => {
    const { line, servers } = lineTo();
    const made = errand();
    const server = await sent(line, servers, made);
    server.calls[0]!.options.onMessage!(question);
    server.say({ ...question, id: 8 });
    server.calls[0]!.answer(done);
    await settled();
    expect(made.requests.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  it('is aborted when the connection ends', async () => {
    const { line, servers } = lineTo();
    const made = errand();
    const server = await sent(line, servers, made);
    server.say(question);
    server.lose('it crashed');
    await settled();
    expect(made.requests[0]!.signal.aborted).toBe(true);
  });

  it('hears of progress under its own token, and only if it gave one', async () => {
    const { line, servers } = lineTo();
    const made = errand();
    const server = await sent(line, servers, made);
    server.say(question);
    server.say({ ...question, id: 8, params: { _meta: { progressToken: 'theirs' } } });
    expect(made.requests[0]!.onProgress).toBeUndefined();
    made.requests[1]!.onProgress!({ progress: 1 });
    expect(server.notifications).toEqual([{ method: 'notifications/progress', params: { progress: 1, progressToken: 'theirs' } }]);
  });
});

describe('what a server says outside of calls', () => {
  it('is for the sessions that use the connection', async () => {
    const { line, servers, notices } = lineTo();
    const server = await sent(line, servers, errand({ session: 'S1' }));
    await sent(line, servers, errand({ session: 'S2' }));
    server.say(logged);
    expect(notices).toEqual([[['S1', 'S2'], logged]]);
    line.forget('S1');
    server.say(logged);
    expect(notices.at(-1)![0]).toEqual(['S2']);
  });

  it('belongs to the latest call where there is one channel for everything', async () => {
    const { line, servers, notices } = lineTo(true);
    const [first, second] = [errand(), errand()];
    const server = await sent(line, servers, first);
    await sent(line, servers, second);
    server.say(logged);
    expect([first.messages, second.messages, notices]).toEqual([[], [logged], []]);
  });

  it('is shown to nobody where it could be about somebody else', async () => {
    const { line, servers, notices } = lineTo(true);
    const [ada, bob] = [errand({ who: 'ada' }), errand({ who: 'bob', session: 'S2' })];
    const server = await sent(line, servers, ada);
    await sent(line, servers, bob);
    server.say(logged);
    expect([ada.messages, bob.messages, notices]).toEqual([[], [], []]);
  });

  it('about its lists is left to the catalogue', async () => {
    const { line, servers, notices } = lineTo(true);
    const made = errand();
    const server = await sent(line, servers, made);
    for (const kind of ['tools', 'prompts', 'resources']) server.say({ jsonrpc: '2.0', method: `notifications/${kind}/list_changed` });
    expect([made.messages, notices]).toEqual([[], []]);
  });
});

describe('a subscription', () => {
  const subscribe = (session: string): Errand & Told => errand({ method: 'resources/subscribe', params: { uri: 'file:///a' }, exposed: `exposed-${session}`, session });
  const updated = { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'file:///a', title: 'kept' } };

  it('brings news to its session only, under the URI that the client knows', async () => {
    const { line, servers, notices } = lineTo();
    const server = await sent(line, servers, subscribe('S1'));
    server.calls[0]!.answer(done);
    await sent(line, servers, errand({ session: 'S2' }));
    server.say(updated);
    server.say({ ...updated, params: { uri: 'file:///other' } });
    expect(notices).toEqual([[['S1'], { ...updated, params: { uri: 'exposed-S1', title: 'kept' } }]]);
  });

  it('that another session shares is not ended at the server', async () => {
    const { line, servers } = lineTo();
    const server = await sent(line, servers, subscribe('S1'));
    server.calls[0]!.answer(done);
    await sent(line, servers, subscribe('S2'));
    server.calls[1]!.answer(done);
    await settled();
    expect(await line.call({ ...subscribe('S1'), method: 'resources/unsubscribe' })).toEqual({ result: {} });
    expect(server.calls.map(({ method }) => method)).toEqual(['resources/subscribe', 'resources/subscribe']);
    line.forget('S2');
    expect(server.calls.at(-1)).toMatchObject({ method: 'resources/unsubscribe', params: { uri: 'file:///a' } });
    expect(line.subscribed).toBe(false);
  });

  it('and the level of the log are repeated on a new connection, without waiting for a call', async () => {
    const { line, servers } = lineTo();
    const first = await sent(line, servers, subscribe('S1'));
    first.calls[0]!.answer(done);
    await sent(line, servers, errand({ method: 'logging/setLevel', params: { level: 'error' } }));
    first.calls[1]!.answer(done);
    await settled();
    first.lose('it crashed');
    const until = performance.now() + 5_000;
    while (servers.length < 2 && performance.now() < until) {
      line.revive();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await settled();
    expect(servers[1]!.calls.map(({ method, params }) => [method, params])).toEqual([
      ['logging/setLevel', { level: 'error' }],
      ['resources/subscribe', { uri: 'file:///a' }],
    ]);
  });
});
