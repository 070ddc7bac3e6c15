import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { Approvals } from './support/approvals.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { RawModernClient, type Answered } from './support/modern.js';
import { StreamingClient } from './support/streaming-client.js';
import { TaskServer } from './support/task-server.js';
import { MischievousServer } from './support/upstream.js';

const environment = {
  CUSTOMHOUSE_INGRESS_HOLD_MS: '300',
  CUSTOMHOUSE_INGRESS_HOLD_POLL_MS: '100',
  CUSTOMHOUSE_INGRESS_DRAIN_MS: '600000',
  CUSTOMHOUSE_INGRESS_APPROVALS_URL: 'https://desk.example',
};
const holding = [
  { id: 'ask-somebody', effect: 'hold' as const, reason: 'A person decides.', tools: ['mischief/*', 'legacy/*'], approve: { quorum: 1, expires_s: 3600 } },
  ...allowEveryMethod.map((rule) => ({ ...rule, methods: ['elicitation/create' as const] })),
];
const knowing: JsonObject = { elicitation: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } };

let gateway: Gateway;
let upstream: MischievousServer;
let tasks: TaskServer;
let key: string;
let modern: RawModernClient;
const approvals = new Approvals(() => gateway);

beforeAll(async () => {
  upstream = await MischievousServer.start();
  tasks = await TaskServer.start();
}, 30_000);
afterAll(async () => {
  await upstream?.close();
  await tasks?.close();
});

beforeEach(async () => {
  gateway = await Gateway.start({ rules: holding, environment });
  await gateway.addServer('mischief', upstream.transport);
  await gateway.addServer('legacy', tasks.transport);
  key = await gateway.issueKey();
  modern = new RawModernClient(gateway.url, knowing, { authorization: `Bearer ${key}` });
}, 60_000);
afterEach(() => gateway?.close(), 30_000);

let message = 0;
/** Arguments that no other test uses. */
const fresh = (): JsonObject => ({ message: `t${(message += 1)}` });
const resultOf = ({ message: answer }: Answered): JsonObject => answer['result'] as JsonObject;
const sentWith = (args: JsonObject): number => upstream.callsOf('echo').filter((call) => JSON.stringify(call.params['arguments']) === JSON.stringify(args)).length;

async function begin(args: JsonObject, tool = 'mischief__echo'): Promise<JsonObject> {
  return resultOf(await modern.request('tools/call', { name: tool, arguments: args }));
}

const get = async ({ taskId }: JsonObject, by = modern): Promise<JsonObject> => resultOf(await by.request('tasks/get', { taskId: taskId! }));

async function until(status: string, task: JsonObject): Promise<JsonObject> {
  let seen: JsonObject = {};
  await eventually(async () => (seen = await get(task))['status'] === status, 20_000);
  return seen;
}

async function streaming(): Promise<StreamingClient> {
  const client = new StreamingClient([gateway.url], { authorization: `Bearer ${key}` }, { elicitation: {} });
  await client.initialize();
  return client;
}

const ask = async (client: StreamingClient, method: string, params: JsonObject): Promise<JsonObject> => {
  const { id, stream } = await client.request(method, params);
  return stream.answer(id);
};

describe('a held call of a client of 2026-07-28 that knows tasks', () => {
  it('is a task for as long as people may decide, and its end is what they and the server say', async () => {
    const args = fresh();
    const task = await begin(args);
    const hold = await approvals.held();
    expect(task).toMatchObject({
      resultType: 'task',
      status: 'working',
      pollIntervalMs: 100,
      statusMessage: expect.stringContaining(`https://desk.example/approvals/${hold.data.approval.id}`),
    });
    expect(Number(task['ttlMs'])).toBeGreaterThan(3_500_000);
    expect(Number(task['ttlMs'])).toBeLessThanOrEqual(3_600_000);
    // Longer than a request would be held.
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await get(task)).toMatchObject({ status: 'working' });
    expect(sentWith(args)).toBe(0);
    await approvals.approve(hold);
    expect(await until('completed', task)).toMatchObject({ result: { content: [{ text: args['message'] }], _meta: { 'customhouse/receipt': { call: hold.data.call } } } });
    expect(sentWith(args)).toBe(1);
    await eventually(async () => (await approvals.after(hold)).types.join() === 'call.dispatched,call.completed,call.outcome.collected');
  }, 30_000);

  it('is answered on its stream for a client that knows no tasks, and says where people decide', async () => {
    const plain = new RawModernClient(gateway.url, {}, { authorization: `Bearer ${key}` });
    const answer = resultOf(await plain.request('tools/call', { name: 'mischief__echo', arguments: fresh() }));
    const { id } = (await approvals.held()).data.approval;
    expect(answer).toMatchObject({ isError: true, _meta: { 'customhouse/decision': { approval: id, link: `https://desk.example/approvals/${id}` } } });
  });

  it('is completed, with the reason, when it is denied', async () => {
    const args = fresh();
    const task = await begin(args);
    await approvals.deny(await approvals.held());
    expect(await until('completed', task)).toMatchObject({ result: { isError: true, content: [{ text: expect.stringContaining('too risky') }] } });
    expect(sentWith(args)).toBe(0);
  });

  it('asks its client what the server asks once it runs', async () => {
    const task = await begin({ say: 'held', ask: true }, 'legacy__research');
    await approvals.approve(await approvals.held());
    const [[name, question]] = Object.entries((await until('input_required', task))['inputRequests'] as JsonObject) as [[string, JsonObject]];
    expect(question).toMatchObject({ method: 'elicitation/create' });
    await modern.request('tasks/update', { taskId: task['taskId']!, inputResponses: { [name]: { action: 'accept', content: { name: 'Ada' } } } });
    expect(await until('completed', task)).toMatchObject({ result: { content: [{ text: 'held by Ada' }] } });
  }, 30_000);

  it('is found in the log when the process that held it is gone', async () => {
    const args = fresh();
    const task = await begin(args);
    const hold = await approvals.held();
    // Since nothing was said about it yet, only the log knows of it.
    await approvals.say(hold, { status: 'open' });
    await gateway.restart();
    await eventually(() => gateway.ingress.knowsTool('mischief', 'echo'));
    const again = new RawModernClient(gateway.url, knowing, { authorization: `Bearer ${key}` });
    expect(await get(task, again)).toMatchObject({ status: 'working', ttlMs: task['ttlMs'], pollIntervalMs: 100 });
    await approvals.approve(hold);
    await approvals.close(hold, 'call.completed');
    await eventually(async () => (await get(task, again))['status'] === 'completed', 20_000);
    expect(await get(task, again)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    // The client has it, whichever way it came: an identical call is a new one.
    await eventually(async () => (await approvals.after(hold)).types.includes('call.outcome.collected'));
    expect(sentWith(args)).toBe(1);
  }, 40_000);

  it('is one for an identical call, which gets what it brought', async () => {
    const args = fresh();
    const [first, second] = [await begin(args), await begin(args)];
    expect(first['taskId']).not.toBe(second['taskId']);
    const hold = await approvals.held();
    await approvals.approve(hold);
    for (const task of [first, second]) expect(await until('completed', task)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    expect(sentWith(args)).toBe(1);
  }, 30_000);

  it('brings its outcome to an identical call when nobody came for it', async () => {
    const args = fresh();
    await begin(args);
    const hold = await approvals.held();
    await approvals.approve(hold);
    await approvals.close(hold, 'call.completed');
    expect(await until('completed', await begin(args))).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    expect(sentWith(args)).toBe(1);
  }, 30_000);

  it('is withdrawn when its client gives it up, and ends as the approval service says', async () => {
    const args = fresh();
    const task = await begin(args);
    const hold = await approvals.held();
    expect(await modern.request('tasks/cancel', { taskId: task['taskId']! })).toMatchObject({ message: { result: { resultType: 'complete' } } });
    expect(await until('cancelled', task)).not.toHaveProperty('result');
    await eventually(async () => (await approvals.after(hold)).types.join() === 'call.withdrawn');
    await approvals.say(hold, { status: 'cancelled', decided_by: ['customhouse'], reason: 'its client withdrew the call', dispatcher: approvals.named(hold.position.offset) });
    await eventually(async () => (await approvals.after(hold)).types.join() === 'call.withdrawn,call.denied');
    expect(await get(task)).toMatchObject({ status: 'cancelled' });
    expect(sentWith(args)).toBe(0);
    // The next one is a new call.
    await begin(args);
    await approvals.held(2);
  }, 30_000);

  it('goes on for those who still wait when one of them gives it up', async () => {
    const args = fresh();
    const [first, second] = [await begin(args), await begin(args)];
    await modern.request('tasks/cancel', { taskId: first['taskId']! });
    await until('cancelled', first);
    const hold = await approvals.held();
    await approvals.approve(hold);
    expect(await until('completed', second)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    expect((await approvals.after(hold)).types).not.toContain('call.withdrawn');
  }, 30_000);

  it('is cancelled at its server when it runs already', async () => {
    const task = await begin({ end: 'never' }, 'legacy__research');
    const count = tasks.tasks.length;
    const hold = await approvals.held();
    await approvals.approve(hold);
    await eventually(() => tasks.tasks.length > count);
    await modern.request('tasks/cancel', { taskId: task['taskId']! });
    await until('cancelled', task);
    await eventually(async () => (await tasks.store.getTask(tasks.tasks.at(-1)!))?.status === 'cancelled');
    await eventually(async () => (await approvals.after(hold)).types.includes('call.outcome.lost'));
  }, 30_000);

  it('leaves its client in peace when the process stops', async () => {
    const task = await begin(fresh());
    await approvals.held();
    // A task is no reason to wait with stopping: that would take longer than this test may.
    await gateway.restart();
    await eventually(() => gateway.ingress.knowsTool('mischief', 'echo'));
    expect(await get(task, new RawModernClient(gateway.url, knowing, { authorization: `Bearer ${key}` }))).toMatchObject({ status: 'working' });
  }, 40_000);
});

describe('a held call of a client of 2025-11-25 that asks for a task', () => {
  it('is one, whose end is waited for without end', async () => {
    const args = fresh();
    const client = await streaming();
    const { result } = await ask(client, 'tools/call', { name: 'mischief__echo', arguments: args, task: { ttl: 1 } });
    const { task } = result as { task: JsonObject };
    const hold = await approvals.held();
    expect(task).toMatchObject({ status: 'working', pollInterval: 100, statusMessage: expect.stringContaining(hold.data.approval.id) });
    const { id, stream } = await client.request('tasks/result', { taskId: task['taskId']! });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(stream.ended).toBe(false);
    await approvals.approve(hold);
    expect(await stream.answer(id)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
    await eventually(async () => (await approvals.after(hold)).types.includes('call.outcome.collected'));
  }, 30_000);

  it('is waited for at a process that only knows it from the log', async () => {
    const args = fresh();
    const { result } = await ask(await streaming(), 'tools/call', { name: 'mischief__echo', arguments: args, task: {} });
    const { taskId } = (result as { task: JsonObject }).task as { taskId: string };
    const hold = await approvals.held();
    await approvals.say(hold, { status: 'open' });
    await gateway.restart();
    await eventually(() => gateway.ingress.knowsTool('mischief', 'echo'));
    const { id, stream } = await (await streaming()).request('tasks/result', { taskId });
    await approvals.approve(hold);
    expect(await stream.answer(id)).toMatchObject({ result: { content: [{ text: args['message'] }] } });
  }, 40_000);

  it('is withdrawn at a process that only knows it from the log', async () => {
    const { result } = await ask(await streaming(), 'tools/call', { name: 'mischief__echo', arguments: fresh(), task: {} });
    const { taskId } = (result as { task: JsonObject }).task as { taskId: string };
    const hold = await approvals.held();
    await approvals.say(hold, { status: 'open' });
    await gateway.restart();
    await eventually(() => gateway.ingress.knowsTool('mischief', 'echo'));
    const client = await streaming();
    expect(await ask(client, 'tasks/cancel', { taskId })).toMatchObject({ result: { taskId, status: 'cancelled' } });
    await eventually(async () => (await approvals.after(hold)).types.join() === 'call.withdrawn');
  }, 40_000);

  const official = async (): Promise<Client> => {
    const client = new Client({ name: 'sdk', version: '1' }, { capabilities: { elicitation: { form: {} } } });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    await client.connect(
      new StreamableHTTPClientTransport(new URL(gateway.url), { requestInit: { headers: { authorization: `Bearer ${key}` } } }) as Parameters<Client['connect']>[0],
    );
    return client;
  };

  it('is one for the official client by itself, because the list says that the tool takes tasks', async () => {
    const client = await official();
    try {
      const { tools: listed } = await client.listTools();
      expect(listed.find(({ name }) => name === 'mischief__echo')).toMatchObject({ execution: { taskSupport: 'optional' } });
      const args = fresh();
      const seen: string[] = [];
      const call = (async () => {
        for await (const { type } of client.experimental.tasks.callToolStream({ name: 'mischief__echo', arguments: args }, CallToolResultSchema)) seen.push(type);
      })();
      await approvals.approve(await approvals.held());
      await call;
      expect([seen[0], seen.at(-1), sentWith(args)]).toEqual(['taskCreated', 'result', 1]);
    } finally {
      await client.close();
    }
  }, 40_000);

  it('lets the official client read why it was denied', async () => {
    const client = await official();
    try {
      const results: JsonObject[] = [];
      const call = async (args: JsonObject): Promise<void> => {
        for await (const each of client.experimental.tasks.callToolStream({ name: 'legacy__research', arguments: args }, CallToolResultSchema, { task: {} }))
          if (each.type === 'result') results.push(each.result as unknown as JsonObject);
      };
      const denied = call({ say: 'denied' });
      await approvals.deny(await approvals.held());
      await denied;
      const granted = call({ say: 'granted', ask: true });
      await approvals.approve(await approvals.held(2));
      await granted;
      expect(results).toMatchObject([{ isError: true, content: [{ text: expect.stringContaining('too risky') }] }, { content: [{ text: 'granted by Ada' }] }]);
    } finally {
      await client.close();
    }
  }, 40_000);
});
