import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { silentLogger } from './logger.js';
import { Subscriptions } from './subscriptions.js';
import { UpstreamFailed, type UpstreamAnswer } from './upstream.js';

const subscriptionId = 'io.modelcontextprotocol/subscriptionId';

/** One stream as the server has it. */
interface Stream {
  readonly id: number;
  readonly filter: JsonObject;
  stopped: boolean;
  say(method: string, params?: JsonObject): void;
  acknowledge(honoured: JsonObject): void;
  end(answer: UpstreamAnswer | Error): void;
}

const opened: Subscriptions[] = [];
afterEach(() => {
  for (const subscriptions of opened.splice(0)) subscriptions.stop();
  jest.useRealTimers();
});

function make(capabilities: JsonObject, onOpened: (stream: Stream) => void = (stream) => stream.acknowledge(stream.filter)) {
  const streams: Stream[] = [];
  const heard: JsonObject[] = [];
  const subscriptions = new Subscriptions({
    listen: (filter, signal, onMessage, onId) =>
      new Promise((resolve, reject) => {
        const id = streams.length + 1;
        onId(id);
        const say = (method: string, params: JsonObject = {}): void => onMessage({ jsonrpc: '2.0', method, params: { ...params, _meta: { [subscriptionId]: id } } });
        const stream: Stream = {
          id,
          filter,
          stopped: false,
          say,
          acknowledge: (honoured) => say('notifications/subscriptions/acknowledged', { notifications: honoured }),
          end: (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)),
        };
        signal.addEventListener('abort', () => {
          stream.stopped = true;
          reject(new UpstreamFailed('cancelled', 'maybe', 'stopped'));
        });
        streams.push(stream);
        onOpened(stream);
      }),
    capabilities: () => capabilities,
    deliver: (message) => heard.push(message),
    logger: silentLogger,
    timeout_ms: 1_000,
  });
  opened.push(subscriptions);
  return { subscriptions, streams, heard };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};
const everything: JsonObject = { tools: { listChanged: true }, prompts: {}, resources: { listChanged: true, subscribe: true } };

describe('subscriptions with a modern server', () => {
  it('ask for the changes that it offers to report, once somebody listens', async () => {
    const { subscriptions, streams } = make(everything);
    await settle();
    expect(streams).toHaveLength(0);
    subscriptions.start();
    await settle();
    expect(streams.map(({ filter }) => filter)).toEqual([{ toolsListChanged: true, resourcesListChanged: true }]);
  });

  it('ask for nothing where it offers nothing', async () => {
    const { subscriptions, streams } = make({ tools: {} });
    subscriptions.start();
    expect(await subscriptions.add('note:///a')).toBe(false);
    expect(streams).toHaveLength(0);
  });

  it('change over without a gap: the old stream ends when the new one stands', async () => {
    let hold = false;
    const { subscriptions, streams, heard } = make(everything, (stream) => void (hold || stream.acknowledge(stream.filter)));
    subscriptions.start();
    await settle();
    hold = true;
    const added = subscriptions.add('note:///a');
    await settle();
    expect([streams.length, streams[0]!.stopped]).toEqual([2, false]);
    streams[0]!.say('notifications/tools/list_changed');
    streams[1]!.acknowledge(streams[1]!.filter);
    expect(await added).toBe(true);
    expect(streams[0]!.stopped).toBe(true);
    streams[0]!.say('notifications/tools/list_changed');
    streams[1]!.say('notifications/resources/updated', { uri: 'note:///a' });
    expect(heard.map(({ method }) => method)).toEqual(['notifications/tools/list_changed', 'notifications/resources/updated']);
    expect(heard[1]!['params']).toEqual({ uri: 'note:///a', _meta: {} });
  });

  it('say that the server does not report a resource, or that it does not answer', async () => {
    const { subscriptions } = make(everything, (stream) => stream.acknowledge({}));
    expect(await subscriptions.add('note:///a')).toBe(false);
    const silent = make(everything, (stream) => stream.end(new UpstreamFailed('closed', 'maybe', 'gone')));
    await expect(silent.subscriptions.add('note:///a')).rejects.toMatchObject({ reason: 'timeout', sent: 'no' });
  });

  it('are opened again when their stream ends, after a pause that grows', async () => {
    jest.useFakeTimers();
    const { subscriptions, streams } = make(everything);
    subscriptions.start();
    await settle();
    for (const pause_ms of [1_000, 2_000, 4_000]) {
      const before = streams.length;
      streams.at(-1)!.end(new UpstreamFailed('closed', 'maybe', 'gone'));
      await settle();
      jest.advanceTimersByTime(pause_ms - 1);
      await settle();
      expect(streams).toHaveLength(before);
      jest.advanceTimersByTime(1);
      await settle();
      expect(streams).toHaveLength(before + 1);
    }
  });

  it.each<[string, (stream: Stream) => void]>([
    ['that refuses them', (stream) => stream.end({ error: { code: -32601, message: 'no' } })],
    [
      'that honours none of them',
      (stream) => {
        stream.acknowledge({});
        stream.end({ result: {} });
      },
    ],
  ])('leave a server in peace %s', async (_what, behave) => {
    jest.useFakeTimers();
    const { subscriptions, streams } = make(everything, behave);
    subscriptions.start();
    await settle();
    jest.advanceTimersByTime(120_000);
    await settle();
    expect(streams).toHaveLength(1);
  });

  it('give up on a stream that is not acknowledged in time, and try again', async () => {
    jest.useFakeTimers();
    const { subscriptions, streams } = make(everything, () => undefined);
    subscriptions.start();
    await settle();
    jest.advanceTimersByTime(1_000);
    await settle();
    expect(streams[0]!.stopped).toBe(true);
    jest.advanceTimersByTime(1_000);
    await settle();
    expect(streams).toHaveLength(2);
  });

  it('end with the connection', async () => {
    const { subscriptions, streams } = make(everything);
    subscriptions.start();
    await settle();
    subscriptions.stop();
    expect(streams[0]!.stopped).toBe(true);
  });
});
