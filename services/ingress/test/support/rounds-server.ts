import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Transport } from '@customhouse/events/registry/events';
import { envelope } from '@customhouse/mcp-wire/envelope';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';

const now = '2026-11-22T17:00:00.000Z';

/**
 * An MCP server of the revision 2026-07-28 whose tool `ask` wants what its argument `questions` says (rounds, each with questions by name), and
 * answers with all it was told. `task` makes a task of the call, which ends as its argument `end` says, after the questions in `ask`. `again` asks only to be called again. `without-end` never has enough. `header` has an argument that travels in a header.
 */
export class RoundsServer {
  /** By their ids. `end`: anything but `completed` and `failed` never ends. */
  readonly tasks = new Map<string, { readonly ask: JsonObject; end: string; told: JsonObject; status: string }>();
  readonly calls: { readonly params: JsonObject; readonly headers: IncomingMessage['headers'] }[] = [];
  #server!: Server;

  static async start(): Promise<RoundsServer> {
    const made = new RoundsServer();
    made.#server = createServer((request, response) => made.#serve(request, response));
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get transport(): Transport {
    return { kind: 'http', url: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp` };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.#answer(JSON.parse(Buffer.concat(chunks).toString()) as JsonObject, request, response));
  }

  #answer({ id, method, params }: JsonObject, { headers }: IncomingMessage, response: ServerResponse): void {
    const send = (status: number, body: JsonObject): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...body }));
    const reply = (result: JsonObject): void => send(200, { result: { resultType: 'complete', ...result } });
    switch (method) {
      case 'server/discover':
        return reply({
          supportedVersions: ['2026-07-28'],
          capabilities: { tools: {} },
          ttlMs: 0,
          cacheScope: 'public',
          _meta: { [envelope.serverInfo]: { name: 'rounds', version: '1' } },
        });
      case 'tools/list':
        return reply({ tools, ttlMs: 0, cacheScope: 'public' });
      case 'tasks/get':
      case 'tasks/update':
      case 'tasks/cancel':
        return reply(this.#task(String(method), params as JsonObject));
      case 'tools/call': {
        this.calls.push({ params: params as JsonObject, headers });
        const answer = this.#call(params as JsonObject, headers);
        return 'code' in answer ? send(answer['code'] === -32021 ? 400 : 200, { error: answer }) : reply(answer);
      }
      default:
        return send(404, { error: { code: -32601, message: 'no' } });
    }
  }

  #task(method: string, { taskId, inputResponses }: JsonObject): JsonObject {
    const task = this.tasks.get(String(taskId))!;
    if (method === 'tasks/cancel') task.status = 'cancelled';
    if (method === 'tasks/update') task.told = { ...task.told, ...(inputResponses as JsonObject) };
    if (method !== 'tasks/get') return {};
    const seen = { taskId: taskId!, createdAt: now, lastUpdatedAt: now, ttlMs: null, pollIntervalMs: 10 };
    if (task.status === 'cancelled') return { ...seen, status: 'cancelled' };
    const open = Object.entries(task.ask).filter(([name]) => !(name in task.told));
    if (open.length > 0) return { ...seen, status: 'input_required', inputRequests: Object.fromEntries(open) };
    if (task.end === 'failed') return { ...seen, status: 'failed', error: { code: -32603, message: 'it broke' } };
    if (task.end === 'completed') return { ...seen, status: 'completed', result: { ...text(task.told), future: 1 } };
    return { ...seen, status: 'working' };
  }

  #call({ name, arguments: args, inputResponses, requestState }: JsonObject, headers: IncomingMessage['headers']): JsonObject {
    const known = requestState === undefined ? { round: 0, told: {} } : (JSON.parse(String(requestState)) as { round: number; told: JsonObject });
    const told = { ...known.told, ...(isJsonObject(inputResponses) ? inputResponses : {}) };
    const state = JSON.stringify({ round: known.round + 1, told });
    switch (name) {
      case 'ask': {
        const questions = (args as { questions: JsonObject[] }).questions[known.round];
        return questions === undefined ? text(told) : { resultType: 'input_required', inputRequests: questions, requestState: state };
      }
      case 'again':
        return known.round === 2 ? text({ rounds: known.round }) : { resultType: 'input_required', requestState: state };
      case 'without-end':
        return { resultType: 'input_required', requestState: state };
      case 'task': {
        const { ask = {}, end = 'completed' } = args as { ask?: JsonObject; end?: string };
        const taskId = `their-task-${this.tasks.size}`;
        this.tasks.set(taskId, { ask, end, told: {}, status: 'working' });
        return { resultType: 'task', taskId, status: 'working', createdAt: now, lastUpdatedAt: now, ttlMs: null, pollIntervalMs: 10 };
      }
      case 'lacking':
        return { code: -32021, message: 'needs sampling', data: { requiredCapabilities: { sampling: {} } } };
      default:
        return text({ header: headers['mcp-param-region'] ?? null });
    }
  }
}

const tools = [
  ...['ask', 'task', 'again', 'without-end', 'lacking'].map((name) => ({ name, inputSchema: { type: 'object' } })),
  { name: 'header', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } },
];

function text(value: JsonObject): JsonObject {
  return { content: [{ type: 'text', text: JSON.stringify(value) }] };
}
