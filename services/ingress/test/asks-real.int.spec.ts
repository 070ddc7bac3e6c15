import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Transport } from '@customhouse/events/registry/events';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { everythingByStdio, startEverything } from './support/everything.js';
import { allowEveryMethod, eventually, Gateway } from './support/gateway.js';
import { StreamingClient, type EventStream } from './support/streaming-client.js';

const everything: JsonObject = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };
/** server-everything has these for clients that can be asked only. */
const tools = ['trigger-sampling-request', 'trigger-elicitation-request', 'get-roots-list', 'trigger-long-running-operation'];

let gateway: Gateway;
let http: { transport: Transport; close(): Promise<void> };

beforeAll(async () => {
  http = await startEverything();
  gateway = await Gateway.start({ rules: allowEveryMethod });
  for (const [name, transport] of [
    ['stdio', everythingByStdio],
    ['http', http.transport],
  ] as const) {
    await gateway.publishServer(name, transport);
    for (const [order, tool] of tools.entries()) await gateway.publishTool(name, { name: tool, inputSchema: { type: 'object' } }, order);
    await eventually(() => gateway.ingress.knowsTool(name, tools.at(-1)!));
  }
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await http?.close();
}, 30_000);

/** Answers what the server asks on a stream, until the call has its own answer. */
async function answering(client: StreamingClient, { id, stream }: { id: number; stream: EventStream }, answers: Readonly<Record<string, JsonObject>>): Promise<string> {
  const answered = new Set<unknown>();
  await eventually(async () => {
    for (const { id: ask, method } of stream.messages) {
      const result = answers[String(method)];
      if (ask === undefined || result === undefined || answered.has(ask)) continue;
      answered.add(ask);
      await client.post({ id: ask, result });
    }
    return stream.messages.some((message) => message['id'] === id && !('method' in message));
  }, 20_000);
  return JSON.stringify((await stream.answer(id))['result']);
}

describe.each(['stdio', 'http'])('server-everything by %s', (server) => {
  const roots = { roots: [{ uri: 'file:///work/of-the-test', name: 'work' }] };
  const answers = {
    'roots/list': roots,
    'sampling/createMessage': { role: 'assistant', model: 'test-model', content: { type: 'text', text: 'said by the model' } },
    'elicitation/create': { action: 'accept', content: { name: 'Ada', check: true } },
  };

  async function connected(): Promise<StreamingClient> {
    const made = new StreamingClient([gateway.url], {}, everything);
    await made.initialize();
    return made;
  }

  it('samples from the client of a call', async () => {
    const client = await connected();
    const call = await client.call(`${server}__trigger-sampling-request`, { prompt: 'hello', maxTokens: 10 });
    expect(await answering(client, call, answers)).toContain('said by the model');
  }, 20_000);

  it('asks the person behind a call', async () => {
    const client = await connected();
    const call = await client.call(`${server}__trigger-elicitation-request`, {});
    expect(await answering(client, call, answers)).toContain('Ada');
  }, 20_000);

  it('learns the roots', async () => {
    const client = await connected();
    const call = await client.call(`${server}__get-roots-list`, {});
    expect(await answering(client, call, answers)).toContain('of-the-test');
  }, 20_000);

  it('reports progress', async () => {
    const client = await connected();
    const call = await client.call(`${server}__trigger-long-running-operation`, { duration: 1, steps: 2 }, { progressToken: 'mine' });
    await answering(client, call, answers);
    const progress = call.stream.messages.filter(({ method }) => method === 'notifications/progress').map(({ params }) => params);
    expect(progress).toEqual([expect.objectContaining({ progressToken: 'mine', progress: 1 }), expect.objectContaining({ progressToken: 'mine', progress: 2 })]);
  }, 20_000);
});
