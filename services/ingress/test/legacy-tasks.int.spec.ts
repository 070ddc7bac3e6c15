import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, ElicitRequestSchema, type Task } from '@modelcontextprotocol/sdk/types.js';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { everythingByStdio, freePort } from './support/everything.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { RawModernClient, type Answered } from './support/modern.js';
import { RoundsServer } from './support/rounds-server.js';
import { StreamingClient } from './support/streaming-client.js';
import { TaskServer } from './support/task-server.js';

const extension = 'io.modelcontextprotocol/tasks';
const related = 'io.modelcontextprotocol/related-task';
const ada: JsonObject = { action: 'accept', content: { name: 'Ada' } };

let legacy: TaskServer;
let modern: RoundsServer;
const replicas: Gateway[] = [];
const clients: Client[] = [];

beforeAll(async () => {
  legacy = await TaskServer.start();
  modern = await RoundsServer.start();
  const ports = [await freePort(), await freePort()];
  for (const [index, port] of ports.entries()) {
    const environment = {
      CUSTOMHOUSE_INGRESS_PORT: String(port),
      CUSTOMHOUSE_INGRESS_PEER_URL: `http://127.0.0.1:${port}`,
      CUSTOMHOUSE_INGRESS_PEERS: ports.map((each) => `http://127.0.0.1:${each}`).join(','),
      CUSTOMHOUSE_INGRESS_PAGE_SIZE: '3',
    };
    replicas.push(await Gateway.start({ rules: [...allowEveryMethod, refusal], environment, ...(index === 0 ? {} : { beside: replicas[0]! }) }));
  }
  await replicas[0]!.addServer('legacy', legacy.transport);
  await replicas[0]!.addServer('modern', modern.transport);
  await eventually(() => replicas[1]!.ingress.knowsTool('modern', 'header'));
}, 60_000);
afterAll(async () => {
  for (const client of clients) await client.close();
  for (const replica of replicas.toReversed()) await replica.close();
  await legacy?.close();
  await modern?.close();
}, 30_000);

const refusal = { id: 'not-again', effect: 'refuse' as const, reason: 'Not that.', tools: ['modern/again'] };

/** The official client, able to fill in forms. */
async function connected(): Promise<Client> {
  const client = new Client({ name: 'sdk', version: '1' }, { capabilities: { elicitation: { form: {} } } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
  await client.connect(new StreamableHTTPClientTransport(new URL(replicas[0]!.url)) as Parameters<Client['connect']>[0]);
  clients.push(client);
  return client;
}

/** What comes of a call of a tool as a task, as the official client has it. */
async function asTask(client: Client, name: string, args: JsonObject = {}): Promise<{ statuses: string[]; result?: unknown; error?: Error }> {
  const statuses: string[] = [];
  for await (const message of client.experimental.tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, { task: { ttl: 60_000 } })) {
    if (message.type === 'taskStatus' || message.type === 'taskCreated') statuses.push(message.task.status);
    else if (message.type === 'result') return { statuses, result: message.result };
    else return { statuses, error: message.error };
  }
  return { statuses };
}

/** A plain client of 2025-11-25, on both replicas in turn. */
async function plain(): Promise<StreamingClient> {
  const client = new StreamingClient(
    replicas.map(({ url }) => url),
    {},
    { elicitation: {} },
  );
  await client.initialize();
  return client;
}

const begin = async (client: StreamingClient, name: string, args: JsonObject = {}): Promise<Task> => {
  const { id, stream } = await client.request('tools/call', { name, arguments: args, task: {} });
  return ((await stream.answer(id))['result'] as { task: Task }).task;
};
const ask = async (client: StreamingClient, method: string, params: JsonObject): Promise<JsonObject> => {
  const { id, stream } = await client.request(method, params);
  return stream.answer(id);
};

describe('a client of 2025-11-25', () => {
  it('is told that calls of tools may be tasks, and one of an earlier revision is not', async () => {
    const capabilities = async (protocolVersion: string): Promise<unknown> => {
      const client = new StreamingClient([replicas[0]!.url]);
      const stream = await client.post({ id: 1, method: 'initialize', params: { protocolVersion, capabilities: {}, clientInfo: { name: 'c', version: '1' } } });
      return ((await stream.answer(1))['result'] as JsonObject)['capabilities'];
    };
    expect(await capabilities('2025-11-25')).toMatchObject({ tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } });
    expect(await capabilities('2025-06-18')).not.toHaveProperty('tasks');
  });

  it.each(['legacy__research', 'legacy__perhaps'])('has a task of %s, whose end is the recorded outcome of the call', async (tool) => {
    const before = (await replicas[0]!.events()).length;
    const { statuses, result } = await asTask(await connected(), tool, { say: 'found' });
    expect(statuses[0]).toBe('working');
    expect(result).toMatchObject({ content: [{ text: 'found by nobody' }], _meta: { 'example.com/kept': 1, 'customhouse/receipt': expect.anything() } });
    expect((await replicas[0]!.events()).slice(before).map(({ type }) => type)).toEqual(['call.admitted', 'call.completed']);
  });

  it('hears nothing of the names that servers give their tasks', async () => {
    const client = await plain();
    const task = await begin(client, 'legacy__research', { say: 'x' });
    expect(task).toMatchObject({ status: 'working', createdAt: expect.any(String), lastUpdatedAt: expect.any(String), ttl: 7_200_000, pollInterval: 1_000 });
    const end = await ask(client, 'tasks/result', { taskId: task.taskId });
    expect(end).toMatchObject({ result: { _meta: { [related]: { taskId: task.taskId } } } });
    expect(JSON.stringify([task, end])).not.toContain(legacy.tasks.at(-1));
  });

  it('is asked on the stream on which it waits for the end, under the name that it knows', async () => {
    const client = await plain();
    const { taskId } = await begin(client, 'legacy__research', { say: 'asked', ask: true });
    const { id, stream } = await client.request('tasks/result', { taskId });
    const asked = await stream.method('elicitation/create');
    expect(asked['params']).toMatchObject({ message: 'Your name?', _meta: { [related]: { taskId } } });
    expect(await ask(client, 'tasks/get', { taskId })).toMatchObject({ result: { status: 'input_required', statusMessage: 'a name is missing' } });
    await client.post({ id: asked['id']!, result: ada });
    expect(await stream.answer(id)).toMatchObject({ result: { content: [{ text: 'asked by Ada' }] } });
  });

  it('is asked again when the stream broke on which it was asked', async () => {
    const client = await plain();
    const { taskId } = await begin(client, 'legacy__research', { say: 'again', ask: true });
    const first = await client.request('tasks/result', { taskId });
    const asked = await first.stream.method('elicitation/create');
    first.stream.break();
    let second = first;
    await eventually(async () => {
      second = await client.request('tasks/result', { taskId });
      await new Promise((resolve) => setTimeout(resolve, 200));
      if (second.stream.messages.length > 0) return true;
      second.stream.break();
      return false;
    }, 20_000);
    expect((await second.stream.method('elicitation/create'))['id']).toBe(asked['id']);
    await client.post({ id: asked['id']!, result: ada });
    expect(await second.stream.answer(second.id)).toMatchObject({ result: { content: [{ text: 'again by Ada' }] } });
  }, 30_000);

  it('answers the form of a task with the official client', async () => {
    const { statuses, result } = await asTask(await connected(), 'legacy__research', { say: 'official', ask: true });
    expect(statuses).toContain('input_required');
    expect(result).toMatchObject({ content: [{ text: 'official by Ada' }] });
  }, 20_000);

  it('has a task of a tool of the other era, and of one that knows no tasks', async () => {
    const client = await connected();
    expect((await asTask(client, 'modern__task')).result).toMatchObject({ content: [{ text: '{}' }] });
    const form = { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } } };
    expect((await asTask(client, 'modern__task', { ask: { user: form } })).result).toMatchObject({ content: [{ text: JSON.stringify({ user: ada }) }] });
    expect((await asTask(client, 'legacy__plain', { say: 'hello' })).result).toMatchObject({ content: [{ text: 'plain: hello' }] });
  }, 20_000);

  it('hears that a task failed, and why', async () => {
    const client = await plain();
    const { taskId } = await begin(client, 'legacy__research', { end: 'failed' });
    expect(await ask(client, 'tasks/result', { taskId })).toMatchObject({ result: { isError: true, content: [{ text: 'it broke' }] } });
    expect(await ask(client, 'tasks/get', { taskId })).toMatchObject({ result: { status: 'failed', statusMessage: 'it broke' } });
    const other = await begin(client, 'modern__task', { end: 'failed' });
    expect(await ask(client, 'tasks/result', { taskId: other.taskId })).toMatchObject({ error: { code: -32603, message: 'it broke' } });
  });

  it('gets what the policy refused as the end of a task, which its library understands', async () => {
    expect(await asTask(await connected(), 'modern__again')).toMatchObject({ result: { isError: true, content: [{ text: expect.stringContaining('Not that.') }] } });
  });

  it('gets an error for a tool that does not exist, and no task', async () => {
    expect((await asTask(await connected(), 'legacy__nothing')).error).toMatchObject({ code: -32602 });
  });

  it('cancels a task, at the server too, once', async () => {
    const client = await plain();
    const { taskId } = await begin(client, 'legacy__research', { end: 'never' });
    await eventually(() => legacy.tasks.length > 0);
    const theirs = legacy.tasks.at(-1)!;
    expect(await ask(client, 'tasks/cancel', { taskId })).toMatchObject({ result: { taskId, status: 'cancelled' } });
    await eventually(async () => (await legacy.store.getTask(theirs))?.status === 'cancelled');
    expect(await ask(client, 'tasks/cancel', { taskId })).toMatchObject({ error: { code: -32602 } });
    expect(await ask(client, 'tasks/result', { taskId })).toMatchObject({ error: { message: 'the task was cancelled' } });
    expect(await ask(client, 'tasks/get', { taskId })).toMatchObject({ result: { status: 'cancelled' } });
  }, 20_000);

  it('hears on its standing stream how its tasks are going', async () => {
    const client = new StreamingClient([replicas[0]!.url], {}, { elicitation: {} });
    await client.initialize();
    const standing = await client.listen();
    const { taskId } = await begin(client, 'legacy__research', { say: 'x' });
    await eventually(() => standing.messages.some(({ params }) => (params as JsonObject)['status'] === 'completed'));
    const told = standing.messages.filter(({ method }) => method === 'notifications/tasks/status').map(({ params }) => params as JsonObject);
    expect(new Set(told.map((each) => each['taskId']))).toEqual(new Set([taskId]));
    expect(told.at(-1)).toMatchObject({ status: 'completed', ttl: 7_200_000, createdAt: expect.any(String) });
    standing.break();
  });

  it('goes on without its client, which finds the end at every replica', async () => {
    const client = await plain();
    const { taskId } = await begin(client, 'legacy__research', { say: 'kept' });
    for (const { url } of replicas) {
      const other = new StreamingClient([url]);
      await other.initialize();
      expect(await ask(other, 'tasks/result', { taskId })).toMatchObject({ result: { content: [{ text: 'kept by nobody' }] } });
    }
  });
});

describe('the list of tasks', () => {
  it("has the caller's own, of all replicas, in pages", async () => {
    const key = await replicas[0]!.issueKey({ person: 'carol@example.com' });
    await eventually(() => replicas[1]!.keys.authenticate(key, 0).ok);
    const client = new StreamingClient(
      replicas.map(({ url }) => url),
      { authorization: `Bearer ${key}` },
    );
    await client.initialize();
    const made: string[] = [];
    for (let count = 0; count < 5; count += 1) made.push((await begin(client, 'legacy__plain', { say: String(count) })).taskId);
    const listed: string[] = [];
    let params: JsonObject = {};
    for (let pages = 0; pages < 5; pages += 1) {
      const { tasks, nextCursor } = (await ask(client, 'tasks/list', params))['result'] as { tasks: Task[]; nextCursor?: string };
      expect(tasks.length).toBeLessThanOrEqual(3);
      listed.push(...tasks.map(({ taskId }) => taskId));
      if (nextCursor === undefined) break;
      params = { cursor: nextCursor };
    }
    expect(listed.toSorted()).toEqual(made.toSorted());
    expect(await ask(client, 'tasks/list', { cursor: 'nonsense' })).toMatchObject({ error: { code: -32602 } });
  });
});

describe('the id of a task of 2025-11-25', () => {
  it('is of no use to anybody else', async () => {
    const { taskId } = await begin(await plain(), 'legacy__research', { end: 'never' });
    const key = await replicas[0]!.issueKey({ person: 'bob@example.com' });
    const bob = new StreamingClient([replicas[0]!.url], { authorization: `Bearer ${key}` });
    await bob.initialize();
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) expect(await ask(bob, method, { taskId })).toMatchObject({ error: { code: -32602 } });
    expect((await ask(bob, 'tasks/list', {}))['result']).toEqual({ tasks: [] });
  });

  it('is nothing to a client of a revision without tasks', async () => {
    const client = new StreamingClient([replicas[0]!.url]);
    await client.initialize('2025-06-18');
    expect(await ask(client, 'tasks/list', {})).toMatchObject({ error: { code: -32601 } });
    // An unknown member asks for nothing.
    const { id, stream } = await client.request('tools/call', { name: 'legacy__plain', arguments: { say: 'x' }, task: {} });
    expect(await stream.answer(id)).toMatchObject({ result: { content: [{ text: 'plain: x' }] } });
  });
});

describe('a tool of 2025-11-25 that takes calls as tasks only', () => {
  const knowing = { elicitation: {}, extensions: { [extension]: {} } };
  const resultOf = ({ message }: Answered): JsonObject => message['result'] as JsonObject;

  it('is a task of the other era for a client of that', async () => {
    const client = new RawModernClient(replicas[0]!.url, knowing);
    const task = resultOf(await client.request('tools/call', { name: 'legacy__research', arguments: { say: 'modern', ask: true } }));
    expect(task).toMatchObject({ resultType: 'task', status: 'working' });
    const get = async (): Promise<JsonObject> => resultOf(await client.request('tasks/get', { taskId: task['taskId']! }));
    let seen = await get();
    await eventually(async () => (seen = await get())['status'] === 'input_required', 20_000);
    const [[name, question]] = Object.entries(seen['inputRequests'] as JsonObject) as [[string, JsonObject]];
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'Your name?' } });
    expect(JSON.stringify(question)).not.toContain(related);
    await client.request('tasks/update', { taskId: task['taskId']!, inputResponses: { [name]: ada } });
    await eventually(async () => (seen = await get())['status'] === 'completed', 20_000);
    expect(seen).toMatchObject({ result: { resultType: 'complete', content: [{ text: 'modern by Ada' }] } });
    expect(JSON.stringify(seen)).not.toContain(related);
  }, 30_000);

  it.each([
    ['2026-07-28', (): Promise<Answered> => new RawModernClient(replicas[0]!.url, {}).request('tools/call', { name: 'legacy__research', arguments: { say: 'plain' } })],
    [
      '2025-06-18',
      async (): Promise<{ message: JsonObject }> => {
        const client = new StreamingClient([replicas[0]!.url]);
        await client.initialize('2025-06-18');
        return { message: await ask(client, 'tools/call', { name: 'legacy__research', arguments: { say: 'plain' } }) };
      },
    ],
  ])('is waited for by a client of %s that knows no tasks', async (_revision, call) => {
    expect((await call()).message).toMatchObject({ result: { content: [{ text: 'plain by nobody' }] } });
  });
});

describe('server-everything', () => {
  it('researches as a task of the official client, and asks what was meant', async () => {
    await replicas[0]!.publishServer('everything', everythingByStdio);
    await replicas[0]!.publishTool('everything', { name: 'simulate-research-query', inputSchema: { type: 'object' }, execution: { taskSupport: 'required' } });
    await eventually(() => replicas[0]!.ingress.knowsTool('everything', 'simulate-research-query'));
    const { statuses, result } = await asTask(await connected(), 'everything__simulate-research-query', { topic: 'python', ambiguous: true });
    expect(statuses).toContain('input_required');
    expect(result).toMatchObject({ content: [{ text: expect.stringContaining('Research Report: python') }] });
  }, 40_000);
});
