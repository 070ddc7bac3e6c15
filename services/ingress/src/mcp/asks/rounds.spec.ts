import { describe, expect, it } from '@jest/globals';
import { callerOf } from '../caller.js';
import type { ModernClient } from '../eras/modern-client.js';
import { Rounds, type RoundRequest } from './rounds.js';

const key = new Uint8Array(32);
const caller = callerOf({ tenant: 'default', agent: 'robot', person: 'ada', groups: [], credential: { kind: 'key', id: 'k' } });
const request: RoundRequest = { caller, at: { server: null, toolset: null }, method: 'tools/call', params: { name: 'a', arguments: { x: 1, y: 2 } } };
const client = (): ModernClient => ({}) as ModernClient;
const unknown = expect.objectContaining({ rule: 'invalid-params' });

function rounds(changes: { self?: string; calls?: number; now?: () => number } = {}): Rounds {
  return new Rounds(key, changes.self, { askTimeout_ms: 1_000, calls: changes.calls ?? 10 }, changes.now ?? (() => 0));
}

describe('the state of a round', () => {
  it('leads back to the client once', () => {
    const here = rounds();
    const one = client();
    const state = here.of(request).park(one);
    expect(here.comeback(state, request)).toEqual({ at: 'here', client: one });
    expect(() => here.comeback(state, request)).toThrow(unknown);
    expect(here.size).toBe(0);
  });

  it('is the same for the same params in another order, and for no others', () => {
    const here = rounds();
    const state = here.of(request).park(client());
    for (const other of [
      { ...request, params: { name: 'a', arguments: { x: 1, y: 3 } } },
      { ...request, method: 'prompts/get' },
      { ...request, at: { server: 's', toolset: null } },
      { ...request, caller: callerOf({ ...caller.principal, person: 'bob' }) },
    ])
      expect(() => here.comeback(state, other)).toThrow(unknown);
    expect(here.comeback(state, { ...request, params: { arguments: { y: 2, x: 1 }, name: 'a' } })).toMatchObject({ at: 'here' });
  });

  it('is none for a number that has no canonical form', () => {
    const infinite = { ...request, params: { name: 'a', arguments: { x: Infinity } } };
    expect(() => rounds().of(infinite)).toThrow(unknown);
  });

  it('counts until the time is over', () => {
    let now = 0;
    const here = rounds({ now: () => now });
    const [first, second] = [here.of(request).park(client()), here.of(request).park(client())];
    now = 1_999;
    expect(here.comeback(first, request)).toMatchObject({ at: 'here' });
    now = 2_000;
    expect(() => here.comeback(second, request)).toThrow(unknown);
  });

  it('leads to the process that keeps the call', () => {
    const state = rounds({ self: 'http://one:1' }).of(request).park(client());
    expect(rounds({ self: 'http://two:1' }).comeback(state, request)).toEqual({ at: 'peer', url: 'http://one:1' });
    expect(() => rounds({ self: 'http://one:1' }).comeback(state, request)).toThrow(unknown);
    expect(() => rounds().comeback(rounds().of(request).park(client()), request)).toThrow(unknown);
  });

  it('gives up whoever was asked first for more than there is place for', () => {
    const here = rounds({ calls: 2 });
    const states = [1, 2, 3].map(() => here.of(request).park(client()));
    expect(here.size).toBe(2);
    expect(() => here.comeback(states[0], request)).toThrow(unknown);
    expect(here.comeback(states[2], request)).toMatchObject({ at: 'here' });
  });

  it('is one for a client at a time', () => {
    const here = rounds();
    const one = client();
    const [before, after] = [here.of(request).park(one), here.of(request).park(one)];
    expect(() => here.comeback(before, request)).toThrow(unknown);
    expect(here.comeback(after, request)).toMatchObject({ at: 'here', client: one });
  });

  it('of a held call leads back to that, at the process that handed it out, until a while after it expires', () => {
    let now = 0;
    const here = rounds({ self: 'http://one:1', now: () => now });
    const { round, state } = here.of(request).handOut('A', 5_000);
    expect(here.size).toBe(0);
    expect(here.comeback(state, request)).toEqual({ at: 'hold', approval: 'A', round });
    expect(rounds({ self: 'http://two:1' }).comeback(state, request)).toEqual({ at: 'peer', url: 'http://one:1' });
    expect(() => here.comeback(state, { ...request, caller: callerOf({ ...caller.principal, person: 'bob' }) })).toThrow(unknown);
    expect(() => here.comeback(`${state.slice(0, -2)}AA`, request)).toThrow(unknown);
    expect(here.of(request).handOut('A', 5_000).round).not.toBe(round);
    now = 6_999;
    expect(here.comeback(state, request)).toMatchObject({ at: 'hold' });
    now = 7_000;
    expect(() => here.comeback(state, request)).toThrow(unknown);
  });

  it('ends with the call, and with the process', () => {
    const here = rounds();
    const one = client();
    const state = here.of(request).park(one);
    here.of(request).forget(one);
    expect(() => here.comeback(state, request)).toThrow(unknown);
    here.of(request).park(client());
    here.close();
    expect(here.size).toBe(0);
  });
});
