import { describe, expect, it } from '@jest/globals';
import type { Json } from '@customhouse/kernel/canonical';
import { ada, FakeResponse, nothingStopped } from '../../../test/support/fakes.js';
import { Listeners, wishesIn, within, type HeardTask, type Wishes } from './listeners.js';

const subscription = 'io.modelcontextprotocol/subscriptionId';
const serverInfo = { name: 's', version: '1' };
const offer = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true } };

function listening(
  wishes: Partial<Wishes>,
  session = 'S',
  tasks: HeardTask[] = [],
  stops: ConstructorParameters<typeof Listeners>[1] = nothingStopped,
): { readonly listeners: Listeners; readonly response: FakeResponse } {
  const listeners = new Listeners({ keepAlive_ms: 100 }, stops);
  const response = new FakeResponse();
  listeners.open(response.asResponse, 7, { session, caller: ada }, { lists: new Set(), resources: [], tasks: [], ...wishes }, serverInfo, undefined, tasks);
  return { listeners, response };
}

describe('what a client wants to hear of', () => {
  it('is what it says, once', () => {
    expect(wishesIn({ toolsListChanged: true, promptsListChanged: false, resourceSubscriptions: ['a', 'a', 'b'], taskIds: ['t', 't'] }, 2)).toEqual({
      lists: new Set(['tools']),
      resources: ['a', 'b'],
      tasks: ['t'],
    });
  });

  it.each([
    ...[undefined, [], 'tools', { resourceSubscriptions: 'a' }, { resourceSubscriptions: [1] }, { resourceSubscriptions: ['a', 'b', 'c'] }],
    ...[{ taskIds: 'a' }, { taskIds: [null] }, { taskIds: ['a', 'b', 'c'] }],
  ] as Json[])('is not %j', (notifications) => {
    expect(() => wishesIn(notifications, 2)).toThrow(expect.objectContaining({ rule: 'invalid-params' }));
  });

  it('is had as far as the endpoint offers it', () => {
    const wishes = wishesIn({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: ['a'] }, 2);
    expect(within(wishes, offer)).toEqual(wishes);
    expect(within(wishes, { tools: { listChanged: true }, resources: {} })).toEqual({ lists: new Set(['tools']), resources: [], tasks: [] });
  });
});

describe('a stream of what changes', () => {
  it('begins with what of the wishes can be had, under the id of its request', () => {
    const { response } = listening({ lists: new Set(['tools']), resources: ['a'] });
    expect(response.messages).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications: { toolsListChanged: true, resourceSubscriptions: ['a'] }, _meta: { [subscription]: 7 } },
      },
    ]);
  });

  it('ends at once when there is nothing to be had', () => {
    const { response, listeners } = listening({});
    expect(response.messages.at(-1)).toEqual({
      jsonrpc: '2.0',
      id: 7,
      result: { resultType: 'complete', _meta: { [subscription]: 7, 'io.modelcontextprotocol/serverInfo': serverInfo } },
    });
    expect([response.writableFinished, listeners.size]).toEqual([true, 0]);
  });

  it('tells of the lists that were asked for, and of no others', () => {
    const { listeners, response } = listening({ lists: new Set(['prompts']) });
    listeners.changed('tools', () => true);
    listeners.changed('prompts', () => true);
    expect(response.messages.slice(1)).toEqual([{ jsonrpc: '2.0', method: 'notifications/prompts/list_changed', params: { _meta: { [subscription]: 7 } } }]);
  });

  it('tells whoever is stopped nothing, and does not look elsewhere for who else could', () => {
    let stopped: string | undefined;
    const { listeners, response } = listening({ resources: ['a'] }, 'S', [], { ofCaller: () => stopped });
    const news = (mark: number) => ({ method: 'notifications/resources/updated', params: { uri: 'a', mark } });
    expect(listeners.tell('S', news(1))).toBe(true);
    stopped = 'the person is stopped';
    expect(listeners.tell('S', news(2))).toBe(true);
    stopped = undefined;
    expect(listeners.tell('S', news(3))).toBe(true);
    expect(response.messages.slice(1).map(({ params }) => (params as { mark: number }).mark)).toEqual([1, 3]);
  });

  it('tells of the resources that were asked for, of its own session', () => {
    const { listeners, response } = listening({ resources: ['a'] });
    const updated = (uri: string): { method: string; params: { uri: string } } => ({ method: 'notifications/resources/updated', params: { uri } });
    expect([
      listeners.tell('S', updated('a')),
      listeners.tell('S', updated('b')),
      listeners.tell('T', updated('a')),
      listeners.tell('S', { method: 'notifications/message' }),
    ]).toEqual([true, false, false, false]);
    expect(response.messages.slice(1)).toEqual([{ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'a', _meta: { [subscription]: 7 } } }]);
    expect([listeners.hears('S', 'a'), listeners.hears('S', 'b'), listeners.hears('T', 'a')]).toEqual([true, false, false]);
  });

  it('tells how the tasks are going that were asked for, until it ends', () => {
    const heard: { tell?: (task: { taskId: string; status: string }) => void; signal?: AbortSignal } = {};
    const task: HeardTask = { taskId: 't', hear: (tell, signal) => Object.assign(heard, { tell, signal }) };
    const { response, listeners } = listening({ tasks: ['t'] }, 'S', [task]);
    heard.tell!({ taskId: 't', status: 'working' });
    expect(response.messages).toMatchObject([
      { method: 'notifications/subscriptions/acknowledged', params: { notifications: { taskIds: ['t'] } } },
      { method: 'notifications/tasks', params: { taskId: 't', status: 'working', _meta: { [subscription]: 7 } } },
    ]);
    expect(heard.signal!.aborted).toBe(false);
    listeners.close();
    expect(heard.signal!.aborted).toBe(true);
  });

  it('shows signs of life, and says when it is over', () => {
    const { listeners, response } = listening({ lists: new Set(['tools']) });
    listeners.tick(performance.now() + 99_999);
    expect(response.written.at(-1)).toBe(': waiting\n\n');
    listeners.close();
    expect(response.messages.at(-1)).toMatchObject({ id: 7, result: { resultType: 'complete' } });
    expect([response.writableFinished, listeners.size]).toEqual([true, 0]);
  });
});
