import { describe, expect, it } from '@jest/globals';
import { ada, FakeResponse, nothingStopped, session } from '../../../test/support/fakes.js';
import { callerOf } from '../caller.js';
import { StandingStreams } from './standing-streams.js';

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));
const bob = callerOf({ ...ada.principal, person: 'bob@example.com' });

function open(streams: StandingStreams, caller = ada, of = session): FakeResponse {
  const response = new FakeResponse();
  streams.open(response.asResponse, caller, of);
  return response;
}

describe('standing streams', () => {
  it('tell once of changes that come together', async () => {
    const streams = new StandingStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 }, nothingStopped);
    const response = open(streams);
    streams.changed(['tools']);
    streams.changed(['tools', 'prompts']);
    await settled();
    expect(response.messages).toEqual([
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
      { jsonrpc: '2.0', method: 'notifications/prompts/list_changed' },
    ]);
    streams.changed(['resources']);
    await settled();
    expect(response.messages.at(-1)).toEqual({ jsonrpc: '2.0', method: 'notifications/resources/list_changed' });
    expect(response.messages).toHaveLength(3);
  });

  it('tell of a change only where it may be seen', async () => {
    const streams = new StandingStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 }, nothingStopped);
    const [files, mail] = ['files', 'mail'].map((server) => open(streams, ada, { ...session, server })) as [FakeResponse, FakeResponse];
    streams.changed(['tools'], 'files', (at) => at.server === 'files');
    await settled();
    expect([files.messages.length, mail.messages.length]).toEqual([1, 0]);
    streams.changed(['tools'], 'files', (at) => at.server === 'files');
    streams.changed(['tools'], 'mail', (at) => at.server === 'mail');
    await settled();
    expect([files.messages.length, mail.messages.length]).toEqual([2, 1]);
    streams.changed();
    await settled();
    expect([files.messages.length, mail.messages.length]).toEqual([5, 4]);
  });

  it('tell something to the client of one session only, once', () => {
    const streams = new StandingStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 }, nothingStopped);
    const other = { ...session, id: '01JOTHER' };
    const [first, second, third] = [open(streams), open(streams), open(streams, ada, other)];
    const notification = { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'file:///a' } };
    expect(streams.tell(session.id, notification)).toBe(true);
    expect([first.messages, second.messages, third.messages]).toEqual([[notification], [], []]);
  });

  it('tell nothing of servers to whoever is stopped, and that a request was taken back all the same', () => {
    const stopped = { ofCaller: ({ person }: { readonly person: string }) => (person === bob.principal.person ? 'stopped' : undefined) };
    const streams = new StandingStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 }, stopped);
    const [own, other] = [open(streams), open(streams, bob, { ...session, id: '01JOTHER' })];
    const [news, takenBack, asked] = [{ method: 'notifications/resources/updated' }, { method: 'notifications/cancelled' }, { id: 1, method: 'ping' }];
    for (const id of [session.id, '01JOTHER']) for (const message of [news, takenBack, asked]) expect(streams.tell(id, message)).toBe(true);
    expect([own.messages, other.messages]).toEqual([
      [news, takenBack, asked],
      [takenBack, asked],
    ]);
  });

  it('say when the client of a session has none here', () => {
    const streams = new StandingStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 }, nothingStopped);
    const response = open(streams);
    response.break();
    expect(streams.tell(session.id, { jsonrpc: '2.0', method: 'x' })).toBe(false);
  });

  it('are limited for each principal, and a closed one makes room', () => {
    const streams = new StandingStreams({ streamsPerPrincipal: 1, keepAlive_ms: 1_000 }, nothingStopped);
    const first = open(streams);
    expect(() => open(streams)).toThrow(expect.objectContaining({ status: 429 }));
    open(streams, bob);
    first.break();
    open(streams);
    expect(streams.size).toBe(2);
  });

  it('show signs of life after a silence', () => {
    const streams = new StandingStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 }, nothingStopped);
    const response = open(streams);
    const now = performance.now();
    streams.tick(now);
    streams.tick(now + 2_000);
    streams.tick(now + 2_500);
    expect(response.written).toEqual([': waiting\n\n']);
  });

  it('end for a client that does not read', async () => {
    const streams = new StandingStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 }, nothingStopped);
    const response = open(streams) as FakeResponse & { destroyed?: boolean; destroy?: () => void };
    response.destroy = () => {
      response.destroyed = true;
    };
    response.writableLength = 100_000;
    streams.changed();
    await settled();
    expect([response.destroyed, response.written]).toEqual([true, []]);
  });
});
