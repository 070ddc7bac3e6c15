import { describe, expect, it } from '@jest/globals';
import { ada, FakeResponse } from '../../test/support/fakes.js';
import { callerOf } from './caller.js';
import { ListStreams } from './list-streams.js';

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));
const bob = callerOf({ ...ada.principal, person: 'bob@example.com' });

function open(streams: ListStreams, caller = ada): FakeResponse {
  const response = new FakeResponse();
  streams.open(response.asResponse, caller);
  return response;
}

describe('standing streams', () => {
  it('tell once of changes that come together', async () => {
    const streams = new ListStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 });
    const response = open(streams);
    streams.changed();
    streams.changed();
    await settled();
    expect(response.messages).toEqual([{ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }]);
    streams.changed();
    await settled();
    expect(response.messages).toHaveLength(2);
  });

  it('are limited for each principal, and a closed one makes room', () => {
    const streams = new ListStreams({ streamsPerPrincipal: 1, keepAlive_ms: 1_000 });
    const first = open(streams);
    expect(() => open(streams)).toThrow(expect.objectContaining({ status: 429 }));
    open(streams, bob);
    first.break();
    open(streams);
    expect(streams.size).toBe(2);
  });

  it('show signs of life after a silence', () => {
    const streams = new ListStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 });
    const response = open(streams);
    const now = performance.now();
    streams.tick(now);
    streams.tick(now + 2_000);
    streams.tick(now + 2_500);
    expect(response.written).toEqual([': waiting\n\n']);
  });

  it('end for a client that does not read', async () => {
    const streams = new ListStreams({ streamsPerPrincipal: 5, keepAlive_ms: 1_000 });
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
