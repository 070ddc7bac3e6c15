import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { StopKind } from '@customhouse/policy-contract/stops';
import { AskingServer } from './support/asking-server.js';
import { freePort } from './support/everything.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { RawModernClient } from './support/modern.js';
import { StreamingClient, valueIn } from './support/streaming-client.js';

const everything: JsonObject = { sampling: {}, elicitation: {}, roots: {} };
const sampling: JsonObject = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 5, _meta: { progressToken: 'theirs' } } };
const sampled: JsonObject = { role: 'assistant', model: 'm', content: { type: 'text', text: 'hello' } };

let server: AskingServer;
const replicas: Gateway[] = [];
/** Its requests go to the replicas in turn. */
let client: StreamingClient;

beforeAll(async () => {
  server = await AskingServer.start();
  const ports = [await freePort(), await freePort()];
  const peers = ports.map((port) => `http://127.0.0.1:${port}`);
  for (const [index, port] of ports.entries()) {
    const environment = {
      CUSTOMHOUSE_INGRESS_PORT: String(port),
      CUSTOMHOUSE_INGRESS_PEER_URL: peers[index]!,
      // The second replica finds itself among its peers, as it does behind one name for all.
      CUSTOMHOUSE_INGRESS_PEERS: index === 0 ? peers.join(',') : peers.map((peer) => peer.replace('127.0.0.1', 'localhost')).join(','),
      CUSTOMHOUSE_INGRESS_RESUMPTIONS: '2',
    };
    replicas.push(await Gateway.start({ rules: allowEveryMethod, environment, ...(index === 0 ? {} : { beside: replicas[0]! }) }));
  }
  await replicas[0]!.addLibrary('asker', server.transport);
  await eventually(() => replicas[1]!.ingress.knowsTool('asker', 'ask'));
}, 60_000);
afterAll(async () => {
  for (const replica of replicas.toReversed()) await replica.close();
  await server?.close();
}, 30_000);

beforeEach(async () => {
  client = await connected();
});

async function connected(): Promise<StreamingClient> {
  const made = new StreamingClient(
    replicas.map(({ url }) => url),
    {},
    everything,
  );
  await made.initialize();
  return made;
}

describe('behind a plain round robin', () => {
  it('a client answers a server at another replica than the one that asks', async () => {
    for (let round = 0; round < 4; round += 1) {
      const { id, stream } = await client.call('asker__ask', sampling);
      const asked = await stream.method('sampling/createMessage');
      const taken = await client.post({ id: asked['id']!, result: sampled });
      expect(taken.response.status).toBe(202);
      expect(valueIn(await stream.answer(id))).toEqual({ result: sampled });
    }
  });

  it('only the client that was asked can answer, whichever replica it goes to', async () => {
    const other = await connected();
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    for (let round = 0; round < 2; round += 1) await other.post({ id: asked['id']!, result: { stolen: true } });
    await client.post({ id: asked['id']!, result: sampled });
    expect(valueIn(await stream.answer(id))).toEqual({ result: sampled });
  });

  it('the progress of a client reaches the server', async () => {
    const before = server.notifications.length;
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    const { progressToken } = (asked['params'] as { _meta: JsonObject })._meta;
    for (const progress of [1, 2]) await client.post({ method: 'notifications/progress', params: { progressToken: progressToken!, progress } });
    await eventually(() => server.notifications.length === before + 2);
    expect(server.notifications.slice(before).map(({ params }) => params)).toEqual(
      expect.arrayContaining([
        { progressToken: 'theirs', progress: 1 },
        { progressToken: 'theirs', progress: 2 },
      ]),
    );
    for (let round = 0; round < 2; round += 1) await client.post({ id: asked['id']!, result: sampled });
    await stream.answer(id);
  });

  it('a call is cancelled at another replica than the one that makes it', async () => {
    const { id, stream } = await client.call('asker__wait', {});
    await eventually(() => server.held > 0);
    const before = server.notifications.length;
    const taken = await client.post({ method: 'notifications/cancelled', params: { requestId: id, reason: 'enough' } });
    expect(taken.response.status).toBe(202);
    await eventually(() => stream.ended);
    await eventually(() => server.notifications.slice(before).some(({ method }) => method === 'notifications/cancelled'));
    expect(stream.messages.map(({ method }) => method)).toEqual(['notifications/message']);
    server.release();
  });

  it('the news of a resource reach the client at the replica that its standing stream is at', async () => {
    for (const uri of ['test://a', 'test://b']) {
      const { id, stream } = await client.request('resources/subscribe', { uri });
      await stream.answer(id);
    }
    const standing = await client.listen();
    const updated = (): unknown[] => standing.messages.filter(({ method }) => method === 'notifications/resources/updated').map(({ params }) => (params as JsonObject)['uri']);
    await eventually(() => {
      for (const uri of ['test://a', 'test://b', 'test://c']) server.announce('notifications/resources/updated', { uri });
      return new Set(updated()).size === 2;
    });
    expect([...new Set(updated())].sort()).toEqual(['test://a', 'test://b']);
    standing.break();
  });

  it.each<[StopKind, string]>([
    ['server', 'asker'],
    ['tool', 'asker/test://a'],
    ['person', 'developer@localhost'],
    ['everything', ''],
  ])(
    'the news of a resource end while the %s "%s" is stopped, and go on afterwards',
    async (kind, name) => {
      const { id, stream } = await client.request('resources/subscribe', { uri: 'test://a' });
      await stream.answer(id);
      const standing = await client.listen();
      const marks = (): unknown[] => standing.messages.filter(({ method }) => method === 'notifications/resources/updated').map(({ params }) => (params as JsonObject)['mark']);
      const heard = (mark: string): Promise<void> =>
        eventually(() => {
          server.announce('notifications/resources/updated', { uri: 'test://a', mark });
          return marks().includes(mark);
        }, 60_000);
      const reading = async (isStopped: boolean): Promise<boolean> => {
        const { id: read, stream: answer } = await client.request('resources/read', { uri: 'test://a' });
        return JSON.stringify(await answer.answer(read)).includes('is stopped') === isStopped;
      };
      // The requests of a client go to the replicas in turn.
      const everyReplica = (isStopped: boolean): Promise<void> => eventually(async () => (await reading(isStopped)) && (await reading(isStopped)), 60_000);
      await heard('before');
      await replicas[0]!.stop(kind, name);
      await everyReplica(true);
      for (let count = 0; count < 3; count += 1) server.announce('notifications/resources/updated', { uri: 'test://a', mark: 'during' });
      // News that are still on their way when the stop ends are heard, and nothing tells that they have come and were dropped.
      await sleep(2_000);
      await replicas[0]!.lift(kind, name);
      await everyReplica(false);
      await heard('after');
      expect(new Set(marks())).toEqual(new Set(['before', 'after']));
      standing.break();
    },
    200_000,
  );

  it('a session that was ended at one replica has ended at all', async () => {
    const url = replicas[0]!.url;
    await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': client.session } });
    await eventually(async () => {
      for (let round = 0; round < 2; round += 1) {
        const { stream } = await client.request('ping', {});
        if (stream.response.status !== 404) return false;
      }
      return true;
    });
  });

  it('nobody but a replica can tell clients something', async () => {
    const standing = await client.listen();
    const body = JSON.stringify({ sessions: ['x'], notification: { jsonrpc: '2.0', method: 'notifications/message' } });
    for (const headers of [{}, { 'customhouse-peer': `${Date.now()}.AAAA` }, { 'customhouse-peer': 'nonsense' }] as Record<string, string>[]) {
      const answer = await fetch(new URL('/peers/notices', replicas[0]!.url), { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
      expect(answer.status).toBe(403);
    }
    expect(standing.messages).toEqual([]);
    standing.break();
  });

  it('what is for a replica that is gone is answered at once, and says so', async () => {
    const lonely = await Gateway.start({
      beside: replicas[0]!,
      environment: { CUSTOMHOUSE_INGRESS_PEER_URL: `http://127.0.0.1:${await freePort()}`, CUSTOMHOUSE_INGRESS_ASK_TIMEOUT_MS: '500' },
    });
    const alone = new StreamingClient([lonely.url], {}, everything);
    await alone.initialize();
    const { id, stream } = await alone.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    const elsewhere = new StreamingClient([replicas[0]!.url], { 'mcp-session-id': alone.session });
    const refused = await elsewhere.post({ id: asked['id']!, result: sampled });
    expect(refused.response.status).toBe(503);
    await stream.answer(id);
    await lonely.close();
  });
});

describe('a client that lost the stream of a call', () => {
  it('hears at any replica how the call ended, by the id of the last event that it saw', async () => {
    const messages = [{ method: 'notifications/message', params: { level: 'info', data: 'x' } }];
    for (let round = 0; round < 2; round += 1) {
      const { id, stream } = await client.call('asker__tell', { messages });
      const answer = await stream.answer(id);
      const resumed = await client.listen(stream.events[0]!.id);
      expect(await resumed.answer(id)).toEqual(answer);
      await eventually(() => resumed.ended);
    }
  });

  it('hears it when the call ends later, and the call is not made again', async () => {
    const { id, stream } = await client.call('asker__ask', sampling);
    const asked = await stream.method('sampling/createMessage');
    const last = stream.lastEventId!;
    stream.break();
    const resumed = await client.listen(last);
    const answers = server.answers.length;
    await client.post({ id: asked['id']!, result: sampled });
    expect(valueIn(await resumed.answer(id))).toEqual({ result: sampled });
    expect(server.answers).toHaveLength(answers + 1);
  });

  it('is let go by the server and comes back for the answer, to any replica; one of an older revision is kept waiting', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { stream, id } = await client.call('asker__later', {});
      await eventually(() => stream.ended);
      expect(stream.messages).toEqual([]);
      const resumed = await client.listen(stream.lastEventId);
      expect(valueIn(await resumed.answer(id))).toEqual({ late: true });
    }
    const older = new StreamingClient([replicas[0]!.url], {}, everything);
    await older.initialize('2025-06-18');
    const { stream, id } = await older.call('asker__later', {});
    expect(valueIn(await stream.answer(id))).toEqual({ late: true });
  });

  it('gets an id before there is anything to say, if it knows what that is', async () => {
    const { stream } = await client.call('asker__tell', { messages: [{ method: 'notifications/message', params: { level: 'info', data: 'x' } }] });
    await eventually(() => stream.ended);
    expect(stream.events[0]).toEqual({ id: expect.stringMatching(/^[\w-]{50,}$/), message: undefined });
    const older = new StreamingClient([replicas[0]!.url], {}, everything);
    await older.initialize('2025-06-18');
    const other = await older.call('asker__tell', { messages: [{ method: 'notifications/message', params: { level: 'info', data: 'x' } }] });
    await eventually(() => other.stream.ended);
    expect(other.stream.events[0]).toMatchObject({ id: expect.stringMatching(/^[\w-]{50,}$/), message: { method: 'notifications/message' } });
  });

  it('gets nothing of a call of another session, nor with an id of its own making: only a standing stream', async () => {
    const { id, stream } = await client.call('asker__tell', { messages: [{ method: 'notifications/message', params: { level: 'info', data: 'x' } }] });
    await stream.answer(id);
    const other = await connected();
    for (const lastEventId of [stream.lastEventId!, 'made-up']) {
      const standing = await other.listen(lastEventId);
      expect(standing.response.status).toBe(200);
      expect([standing.messages, standing.ended]).toEqual([[], false]);
      standing.break();
    }
  });

  it('is told to come back when too many do so at once', async () => {
    const { stream } = await client.call('asker__ask', sampling);
    await stream.method('sampling/createMessage');
    const streams = await Promise.all(Array.from({ length: 5 }, () => client.listen(stream.lastEventId!)));
    expect(streams.map(({ response }) => response.status).sort()).toEqual([200, 200, 200, 200, 503]);
    for (const resumed of streams) resumed.break();
    stream.break();
  });
});

describe('a client without sessions', () => {
  const send = (index: number, params: JsonObject): ReturnType<RawModernClient['request']> => new RawModernClient(replicas[index]!.url, everything).request('tools/call', params);

  it.each([0, 1])('comes back with its answer at replica %i, and once only', async (index) => {
    const call = { name: 'asker__ask', arguments: { method: 'roots/list', params: {} } };
    const { requestState, inputRequests } = (await send(0, call)).message['result'] as { requestState: string; inputRequests: JsonObject };
    const inputResponses = { [Object.keys(inputRequests)[0]!]: { roots: [] } };
    const { message } = await send(index, { ...call, requestState, inputResponses });
    expect(JSON.parse((message['result'] as { content: { text: string }[] }).content[0]!.text)).toEqual({ result: { roots: [] } });
    for (const again of [0, 1]) expect((await send(again, { ...call, requestState, inputResponses })).message).toMatchObject({ error: { code: -32602 } });
  });
});
