import { describe, expect, it } from '@jest/globals';
import { silentClient, type Errand } from './errand.js';
import { Subscriptions } from './subscriptions.js';

function errand(method: string, session: string, uri = 'file:///a', exposed = uri): Errand {
  const signal = new AbortController().signal;
  return {
    ...{ method, params: { uri }, exposed, who: 'ada', session, profile: silentClient, due: 0, max_bytes: 1 },
    ...{ isCancelled: () => false, onSending: () => signal, onMessage: undefined, onRequest: undefined },
  };
}
const subscribe = (session: string, uri?: string, exposed?: string): Errand => errand('resources/subscribe', session, uri, exposed);
const unsubscribe = (session: string, uri?: string): Errand => errand('resources/unsubscribe', session, uri);
const agreed = { result: {} };

describe('the subscriptions of a connection', () => {
  it('name the sessions that wait for news of a resource, and the URI that each knows it under', () => {
    const subscriptions = new Subscriptions();
    subscriptions.note(subscribe('S1'), agreed);
    subscriptions.note(subscribe('S2', 'file:///a', 'customhouse://files/file%3A%2F%2F%2Fa'), agreed);
    expect([...subscriptions.of('file:///a')]).toEqual([
      ['S1', 'file:///a'],
      ['S2', 'customhouse://files/file%3A%2F%2F%2Fa'],
    ]);
    expect([...subscriptions.of('file:///b')]).toEqual([]);
    expect([...subscriptions.of(7)]).toEqual([]);
  });

  it('are only those that the server agreed to', () => {
    const subscriptions = new Subscriptions();
    const refused = { error: { code: -32002, message: 'no such resource' } };
    expect(subscriptions.note(subscribe('S1'), refused)).toBe(refused);
    expect(subscriptions.any).toBe(false);
    subscriptions.note(subscribe('S1'), agreed);
    subscriptions.note(unsubscribe('S1'), refused);
    expect(subscriptions.any).toBe(true);
  });

  it('end for one session without ending for another of the same caller', () => {
    const subscriptions = new Subscriptions();
    subscriptions.note(subscribe('S1'), agreed);
    subscriptions.note(subscribe('S2'), agreed);
    expect(subscriptions.isShared(unsubscribe('S1'))).toBe(true);
    subscriptions.note(unsubscribe('S1'), agreed);
    expect([...subscriptions.of('file:///a')]).toEqual([['S2', 'file:///a']]);
    expect(subscriptions.isShared(unsubscribe('S2'))).toBe(false);
    subscriptions.note(unsubscribe('S2'), agreed);
    expect([subscriptions.any, [...subscriptions.uris()]]).toEqual([false, []]);
  });

  it('end with their session, those that it shared with another one not', () => {
    const subscriptions = new Subscriptions();
    subscriptions.note(subscribe('S1'), agreed);
    subscriptions.note(subscribe('S1', 'file:///b'), agreed);
    subscriptions.note(subscribe('S2'), agreed);
    expect(subscriptions.forget('S1')).toEqual(['file:///b']);
    expect([...subscriptions.uris()]).toEqual(['file:///a']);
    expect(subscriptions.forget('S3')).toEqual([]);
  });

  it('are not touched by other methods', () => {
    const subscriptions = new Subscriptions();
    subscriptions.note(errand('resources/read', 'S1'), agreed);
    expect([subscriptions.any, subscriptions.isShared(errand('resources/read', 'S1'))]).toEqual([false, false]);
  });
});
