import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { freePort } from './support/everything.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { RawModernClient, type Answered } from './support/modern.js';
import { RoundsServer } from './support/rounds-server.js';
import { EventStream, StreamingClient, valueIn } from './support/streaming-client.js';

const extension = 'io.modelcontextprotocol/tasks';
const knowing: JsonObject = { elicitation: {}, sampling: {}, extensions: { [extension]: {} } };
const form: JsonObject = { method: 'elicitation/create', params: { message: 'Your name?', requestedSchema: { type: 'object', properties: {} } } };
const sampling: JsonObject = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } };
const ada: JsonObject = { action: 'accept', content: { name: 'Ada' } };

let server: RoundsServer;
const replicas: Gateway[] = [];
let client: RawModernClient;

beforeAll(async () => {
  server = await RoundsServer.start();
  const ports = [await freePort(), await freePort()];
  for (const [index, port] of ports.entries()) {
    const environment = {
      CUSTOMHOUSE_INGRESS_PORT: String(port),
      CUSTOMHOUSE_INGRESS_PEER_URL: `http://127.0.0.1:${port}`,
      CUSTOMHOUSE_INGRESS_TASK_TIMEOUT_MS: '8000',
      CUSTOMHOUSE_INGRESS_CALL_TIMEOUT_MS: '3000',
    };
    replicas.push(await Gateway.start({ rules: allowEveryMethod, environment, ...(index === 0 ? {} : { beside: replicas[0]! }) }));
  }
  await replicas[0]!.addServer('modern', server.transport);
  await eventually(() => replicas[1]!.ingress.knowsTool('modern', 'task'));
  client = new RawModernClient(replicas[0]!.url, knowing);
}, 60_000);
afterAll(async () => {
  for (const replica of replicas.toReversed()) await replica.close();
  await server?.close();
}, 30_000);

const resultOf = ({ message }: Answered): JsonObject => message['result'] as JsonObject;
const begin = (args: JsonObject = {}): Promise<Answered> => client.request('tools/call', { name: 'modern__task', arguments: args });
const ask = (method: string, task: Answered, params: JsonObject = {}, by = client): Promise<Answered> => by.request(method, { taskId: resultOf(task)['taskId']!, ...params });

/** The task as it is once it has this status. */
async function until(status: string, task: Answered, by = client): Promise<JsonObject> {
  let seen: JsonObject = {};
  await eventually(async () => {
    seen = resultOf(await ask('tasks/get', task, {}, by));
    return seen['status'] === status;
  });
  return seen;
}

describe('a call that its server makes a task of', () => {
  it('is a task for a client that knows them, with an id that says nothing, and its end is the recorded outcome of the call', async () => {
    const before = (await replicas[0]!.events()).length;
    const task = await begin();
    expect(resultOf(task)).toMatchObject({
      resultType: 'task',
      status: 'working',
      createdAt: expect.any(String),
      lastUpdatedAt: expect.any(String),
      ttlMs: 16_000,
      pollIntervalMs: 1_000,
    });
    expect(JSON.stringify(task.message)).not.toContain('their-task');
    const seen = await until('completed', task);
    expect(seen).toMatchObject({
      resultType: 'complete',
      result: { resultType: 'complete', content: [{ text: '{}' }], future: 1, _meta: { 'customhouse/receipt': expect.anything() } },
    });
    expect((await replicas[0]!.events()).slice(before).map(({ type }) => type)).toEqual(['call.admitted', 'call.completed']);
  });

  it('fails with the error of the server', async () => {
    expect(await until('failed', await begin({ end: 'failed' }))).toMatchObject({ error: { code: -32603, message: 'it broke' } });
  });

  it('asks the client what the server asks, and passes the answers on', async () => {
    const task = await begin({ ask: { user: form } });
    expect((await until('input_required', task))['inputRequests']).toEqual({ user: form });
    expect(resultOf(await ask('tasks/update', task, { inputResponses: { user: ada } }))).toMatchObject({ resultType: 'complete' });
    expect(await until('completed', task)).toMatchObject({ result: { content: [{ text: JSON.stringify({ user: ada }) }] } });
  });

  it('is given up by tasks/cancel, at the server too', async () => {
    const task = await begin({ end: 'never' });
    const theirs = [...server.tasks.values()].at(-1)!;
    expect(resultOf(await ask('tasks/cancel', task))).not.toHaveProperty('status');
    await until('cancelled', task);
    expect(theirs.status).toBe('cancelled');
    expect((await ask('tasks/cancel', task)).message).toHaveProperty('result');
  });

  it('ends when the server takes too long', async () => {
    const task = await begin({ end: 'never' });
    await eventually(async () => resultOf(await ask('tasks/get', task))['status'] === 'failed', 20_000);
    expect([...server.tasks.values()].at(-1)!.status).toBe('cancelled');
  }, 30_000);

  it('goes on when its client goes away, and can be seen at every replica', async () => {
    const task = await begin({ ask: { thought: sampling } });
    const other = new RawModernClient(replicas[1]!.url, knowing);
    await until('input_required', task, other);
    await ask('tasks/update', task, { inputResponses: { thought: { role: 'assistant', model: 'm', content: { type: 'text', text: 'x' } } } }, other);
    expect(await until('completed', task, other)).toMatchObject({ result: { future: 1 } });
  });

  it('is waited for by a client that does not know tasks, of either era', async () => {
    const plain = await new RawModernClient(replicas[0]!.url, {}).request('tools/call', { name: 'modern__task', arguments: {} });
    expect(resultOf(plain)).toMatchObject({ resultType: 'complete', future: 1 });
    const old = new StreamingClient([replicas[0]!.url], {}, { elicitation: {} });
    await old.initialize();
    const { id, stream } = await old.call('modern__task', { ask: { user: form } });
    const asked = await stream.method('elicitation/create');
    await old.post({ id: asked['id']!, result: ada });
    expect(valueIn(await stream.answer(id))).toEqual({ user: ada });
  });
});

describe('a stream about tasks', () => {
  const listen = async (by: RawModernClient, taskIds: string[]): Promise<EventStream> => {
    const abort = new AbortController();
    const message = by.message('subscriptions/listen', { notifications: { taskIds } });
    return new EventStream(await by.open(message, {}, abort.signal), abort);
  };
  const statuses = (stream: EventStream): unknown[] =>
    stream.messages.filter(({ method }) => method === 'notifications/tasks').map(({ params }) => (params as JsonObject)['status']);

  it.each(['the replica that works on them', 'another replica'])('tells how they are going, and what came of them, at %s', async (at) => {
    const task = await begin({ ask: { user: form } });
    const taskId = String(resultOf(task)['taskId']);
    const by = at === 'another replica' ? new RawModernClient(replicas[1]!.url, knowing) : client;
    const stream = await listen(by, [taskId, 'unknown']);
    expect((await stream.method('notifications/subscriptions/acknowledged'))['params']).toMatchObject({ notifications: { taskIds: [taskId] } });
    await eventually(() => statuses(stream).includes('input_required'));
    await ask('tasks/update', task, { inputResponses: { user: ada } });
    await eventually(() => statuses(stream).includes('completed'));
    expect(stream.messages.at(-1)).toMatchObject({ params: { taskId, result: { content: [{ text: JSON.stringify({ user: ada }) }] } } });
    stream.break();
  });

  it('tells how one ended whose process is gone', async () => {
    const by = new RawModernClient(replicas[1]!.url, knowing);
    const task = await by.request('tools/call', { name: 'modern__task', arguments: {} });
    await until('completed', task, by);
    await replicas[1]!.restart();
    await eventually(() => replicas[1]!.ingress.knowsTool('modern', 'task'));
    const stream = await listen(new RawModernClient(replicas[1]!.url, knowing), [String(resultOf(task)['taskId'])]);
    await eventually(() => statuses(stream).includes('completed'));
    stream.break();
  });

  it('is for clients that declare that they know them', async () => {
    const task = await begin();
    const answer = await new RawModernClient(replicas[0]!.url, {}).request('subscriptions/listen', { notifications: { taskIds: [resultOf(task)['taskId']!] } });
    expect(answer).toMatchObject({ status: 400, message: { error: { code: -32021 } } });
  });
});

describe('the id of a task', () => {
  it('is of no use to anybody else', async () => {
    const task = await begin();
    const key = await replicas[0]!.issueKey({ person: 'bob@example.com' });
    const bob = new RawModernClient(replicas[0]!.url, knowing, { authorization: `Bearer ${key}` });
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel'])
      expect((await ask(method, task, { inputResponses: {} }, bob)).message).toMatchObject({ error: { code: -32602 } });
  });

  it.each(['x', 'their-task-0'])('is not %j', async (taskId) => {
    expect((await client.request('tasks/get', { taskId })).message).toMatchObject({ error: { code: -32602 } });
  });

  it('is for clients that declare that they know tasks', async () => {
    const task = await begin();
    expect(await ask('tasks/get', task, {}, new RawModernClient(replicas[0]!.url, {}))).toMatchObject({
      status: 400,
      message: { error: { code: -32021, data: { requiredCapabilities: { extensions: { [extension]: {} } } } } },
    });
  });

  it('leads to the outcome in the log when the process that worked on it is gone', async () => {
    const task = await new RawModernClient(replicas[1]!.url, knowing).request('tools/call', { name: 'modern__task', arguments: {} });
    await until('completed', task, new RawModernClient(replicas[1]!.url, knowing));
    await replicas[1]!.restart();
    await eventually(() => replicas[1]!.ingress.knowsTool('modern', 'task'));
    expect(await until('completed', task, new RawModernClient(replicas[1]!.url, knowing))).toMatchObject({ result: { future: 1 } });
  });
});
