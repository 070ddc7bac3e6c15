import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from '@customhouse/events/registry/events';
import { UpstreamFailed, type CallOptions, type Upstream, type UpstreamAnswer } from '@customhouse/upstream/upstream';
import { silentClient, type Errand } from './errand.js';
import { ServerLane, type LaneLimits } from './server-lane.js';

const limits: LaneLimits = { serverCalls: 2, serverQueue: 1, serverIdle_ms: 50, serverSessions: 2, sessionTtl_ms: 1_000_000, breakerFailures: 2, breakerReset_ms: 60 };
const http: Server = { name: 'files', generation: 1, transport: { kind: 'http', url: 'http://127.0.0.1:1/mcp' }, enabled: true };
const stdio: Server = { ...http, transport: { kind: 'stdio', command: 'x', args: [], env: {} } };

/** A connection whose answers the test gives. */
class FakeUpstream {
  readonly era = 'legacy';
  readonly initialized = {};
  readonly protocol = '2025-11-25';
  readonly calls: { resolve: (answer: UpstreamAnswer) => void; reject: (error: unknown) => void; options: CallOptions }[] = [];
  closedBy: string | undefined;
  #end!: (reason: string) => void;
  readonly closed = new Promise<string>((resolve) => (this.#end = resolve));
  call(_: unknown, options: CallOptions): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => this.calls.push({ resolve, reject, options }));
  }
  readonly notified: string[] = [];
  notify = ({ method }: { method: string }): Promise<void> => {
    this.notified.push(method);
    return Promise.resolve();
  };
  respond = (): Promise<void> => Promise.resolve();
  onMessage(): void {}
  lose(reason: string): void {
    this.#end(reason);
  }
  close(): Promise<void> {
    this.closedBy = 'us';
    this.#end('closed by us');
    return Promise.resolve();
  }
}

const lanes: ServerLane[] = [];
function lane(server: Server = http, changes: Partial<LaneLimits> = {}): { lane: ServerLane; opened: FakeUpstream[]; fail: { with: UpstreamFailed | undefined } } {
  const opened: FakeUpstream[] = [];
  const fail: { with: UpstreamFailed | undefined } = { with: undefined };
  const open = (): Promise<Upstream> => {
    if (fail.with) return Promise.reject(fail.with);
    opened.push(new FakeUpstream());
    return Promise.resolve(opened.at(-1) as unknown as Upstream);
  };
  const made = new ServerLane(server, open, { ...limits, ...changes }, () => undefined);
  lanes.push(made);
  return { lane: made, opened, fail };
}
afterEach(async () => {
  for (const made of lanes.splice(0)) await made.close();
});

function errand(changes: Partial<Errand> = {}): Errand & { sending: number } {
  return {
    method: 'tools/call',
    params: {},
    exposed: 'files__echo',
    who: 'ada',
    session: 'S1',
    profile: silentClient,
    due: performance.now() + 5_000,
    max_bytes: 1_000,
    sending: 0,
    isCancelled: () => false,
    onSending() {
      this.sending += 1;
      return new AbortController().signal;
    },
    onMessage: undefined,
    onRequest: undefined,
    ...changes,
  };
}

const tick = (ms = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const answer: UpstreamAnswer = { result: { ok: true } };
const unreachable = new UpstreamFailed('unreachable', 'no', 'nobody there');

describe('the lane to a server', () => {
  it('opens one connection for each principal of an HTTP server, and uses it again', async () => {
    const { lane: files, opened } = lane();
    for (const who of ['ada', 'bob', 'ada']) {
      const result = files.call(errand({ who }));
      await tick();
      opened[who === 'ada' ? 0 : 1]!.calls.at(-1)!.resolve(answer);
      expect(await result).toBe(answer);
    }
    expect(opened).toHaveLength(2);
    expect(opened[0]!.calls).toHaveLength(2);
  });

  it('opens one process for everybody of a stdio server', async () => {
    const { lane: files, opened } = lane(stdio);
    void files.call(errand({ who: 'ada' })).catch(() => undefined);
    void files.call(errand({ who: 'bob' })).catch(() => undefined);
    await tick();
    expect(opened).toHaveLength(1);
    expect(opened[0]!.calls).toHaveLength(2);
  });

  it('opens a process of its own, and a session of its own, for each principal and what its client can be asked', async () => {
    const roots = { capabilities: { roots: {} }, key: 'roots' };
    for (const [server, connections] of [
      [stdio, 3],
      [http, 4],
    ] as const) {
      const { lane: files, opened } = lane(server, { serverCalls: 10, serverSessions: 10 });
      for (const who of ['ada', 'bob']) for (const profile of [silentClient, roots, roots]) void files.call(errand({ who, profile })).catch(() => undefined);
      await tick();
      expect(opened).toHaveLength(connections);
    }
  });

  it('opens a connection for clients of each era, but no second process that serves everybody', async () => {
    for (const [server, connections] of [
      [stdio, 1],
      [http, 2],
    ] as const) {
      const { lane: files, opened } = lane(server, { serverCalls: 10 });
      for (const era of ['legacy', 'modern', 'legacy'] as const) void files.call(errand({ era })).catch(() => undefined);
      await tick();
      expect(opened).toHaveLength(connections);
    }
  });

  it('tells something to the connections of one principal only', async () => {
    const { lane: files, opened } = lane();
    for (const who of ['ada', 'bob']) void files.call(errand({ who })).catch(() => undefined);
    await tick();
    files.notify('ada', 'notifications/roots/list_changed', undefined);
    expect(opened.map(({ notified }) => notified)).toEqual([['notifications/roots/list_changed'], []]);
  });

  it('keeps a connection that somebody waits for news on, until no session can be that old', async () => {
    const { lane: files, opened } = lane(http, { sessionTtl_ms: 200 });
    const result = files.call(errand({ method: 'resources/subscribe', params: { uri: 'file:///a' } }));
    await tick();
    opened[0]!.calls[0]!.resolve(answer);
    await result;
    files.sweep(performance.now() + 100);
    expect(files.state.lines).toBe(1);
    files.sweep(performance.now() + 300);
    expect(files.state.lines).toBe(0);
  });

  it('takes so many calls at once, lets so many wait, and refuses more', async () => {
    const { lane: files, opened } = lane();
    const inside = [files.call(errand()), files.call(errand())];
    const waiting = files.call(errand());
    await expect(files.call(errand())).rejects.toMatchObject({ reason: 'overloaded', sent: 'no' });
    await tick();
    expect(files.state).toMatchObject({ inside: 2, waiting: 1 });
    opened[0]!.calls[0]!.resolve(answer);
    await inside[0];
    await tick();
    opened[0]!.calls[1]!.resolve(answer);
    opened[0]!.calls[2]!.resolve(answer);
    await Promise.all([inside[1], waiting]);
    expect(files.state).toMatchObject({ inside: 0, waiting: 0 });
  });

  it('says that it is sending exactly once, before the call, and not at all when the call was cancelled or its time is over', async () => {
    const { lane: files, opened } = lane();
    const sent = errand();
    const result = files.call(sent);
    await tick();
    opened[0]!.calls[0]!.resolve(answer);
    await result;
    expect(sent.sending).toBe(1);
    const cancelled = errand({ isCancelled: () => true });
    await expect(files.call(cancelled)).rejects.toMatchObject({ reason: 'cancelled', sent: 'no' });
    const late = errand({ due: performance.now() - 1 });
    await expect(files.call(late)).rejects.toMatchObject({ reason: 'timeout', sent: 'no' });
    expect([cancelled.sending, late.sending]).toEqual([0, 0]);
    expect(opened[0]!.calls).toHaveLength(1);
  });

  it('gives a call only the time that is left to it', async () => {
    const { lane: files, opened } = lane();
    void files.call(errand({ due: performance.now() + 300 })).catch(() => undefined);
    await tick();
    expect(opened[0]!.calls[0]!.options.timeout_ms).toBeLessThanOrEqual(300);
    expect(opened[0]!.calls[0]!.options.timeout_ms).toBeGreaterThan(200);
  });

  it('leaves a server alone that failed several times in a row, and lets one call try after a while', async () => {
    const { lane: files, opened, fail } = lane(http, { breakerFailures: 1 });
    fail.with = unreachable;
    await expect(files.call(errand())).rejects.toMatchObject({ reason: 'unreachable', message: 'nobody there' });
    await expect(files.call(errand())).rejects.toMatchObject({ reason: 'unreachable', message: expect.stringContaining('left alone') });
    expect(files.state.open).toBe(true);
    fail.with = undefined;
    await tick(400);
    const result = files.call(errand());
    await tick();
    opened[0]!.calls[0]!.resolve(answer);
    expect(await result).toBe(answer);
    expect(files.state.open).toBe(false);
  });

  it.each([
    ['closed', 'maybe', true],
    ['timeout', 'maybe', true],
    ['http-status', 'maybe', true],
    ['http-status', 'no', false],
    ['malformed', 'maybe', false],
    ['too-large', 'maybe', false],
    ['cancelled', 'maybe', false],
  ] as const)('a call that failed by %s (sent: %s) counts against the server: %s', async (reason, sent, counts) => {
    const { lane: files, opened } = lane(http, { breakerFailures: 1 });
    const result = files.call(errand());
    await tick();
    opened[0]!.calls[0]!.reject(new UpstreamFailed(reason, sent, 'x'));
    await expect(result).rejects.toMatchObject({ reason, sent });
    expect(files.state.open).toBe(counts);
  });

  it('sends a call again in a new session when the server had forgotten the old one and done nothing', async () => {
    const { lane: files, opened } = lane();
    const first = files.call(errand());
    await tick();
    opened[0]!.calls[0]!.resolve(answer);
    await first;
    // A session that lasted less than a second is not opened again at once.
    await tick(1_050);
    const result = files.call(errand());
    await tick();
    opened[0]!.lose('session-lost');
    opened[0]!.calls[1]!.reject(new UpstreamFailed('session-lost', 'no', 'gone'));
    await tick();
    opened[1]!.calls[0]!.resolve(answer);
    expect(await result).toBe(answer);
  });

  it('never sends a call again that may have arrived', async () => {
    const { lane: files, opened } = lane();
    const result = files.call(errand());
    await tick();
    opened[0]!.calls[0]!.reject(new UpstreamFailed('session-lost', 'maybe', 'gone'));
    await expect(result).rejects.toMatchObject({ sent: 'maybe' });
    expect(opened[0]!.calls).toHaveLength(1);
  });

  it('closes connections that nobody uses, and keeps those in use', async () => {
    const { lane: files, opened } = lane();
    const idle = files.call(errand({ who: 'ada' }));
    await tick();
    opened[0]!.calls[0]!.resolve(answer);
    await idle;
    void files.call(errand({ who: 'bob' })).catch(() => undefined);
    await tick(60);
    files.sweep(performance.now());
    await tick();
    expect(opened.map((upstream) => upstream.closedBy)).toEqual(['us', undefined]);
  });

  it('makes room for a new session by closing the one that was unused for longest', async () => {
    const { lane: files, opened } = lane(http, { serverCalls: 5 });
    for (const [index, who] of ['ada', 'bob'].entries()) {
      const result = files.call(errand({ who }));
      await tick();
      opened[index]!.calls[0]!.resolve(answer);
      await result;
    }
    void files.call(errand({ who: 'ada' })).catch(() => undefined);
    await tick();
    void files.call(errand({ who: 'eve' })).catch(() => undefined);
    await tick();
    expect(opened.map((upstream) => upstream.closedBy)).toEqual([undefined, 'us', undefined]);
    await expect(files.call(errand({ who: 'joe' }))).rejects.toMatchObject({ reason: 'overloaded', sent: 'no' });
  });

  it('lets calls in flight end when it is retired, then keeps nothing', async () => {
    const { lane: files, opened } = lane();
    const result = files.call(errand());
    await tick();
    files.retire();
    expect([files.done, opened[0]!.closedBy]).toEqual([false, undefined]);
    opened[0]!.calls[0]!.resolve(answer);
    expect(await result).toBe(answer);
    files.sweep(performance.now());
    await tick();
    expect([files.done, opened[0]!.closedBy]).toEqual([true, 'us']);
  });
});
