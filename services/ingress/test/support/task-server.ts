import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CreateTaskRequestHandlerExtra } from '@modelcontextprotocol/sdk/experimental/tasks/interfaces.js';
import { InMemoryTaskMessageQueue, InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ElicitResultSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Transport } from '@customhouse/events/registry/events';

/** `end`: `failed` says so as a tool, `never` does not come. `ask`: asks for a name first. */
const argumentsOf = { say: z.string().optional(), ask: z.boolean().optional(), end: z.enum(['failed', 'never']).optional() };
type Arguments = z.infer<z.ZodObject<typeof argumentsOf>>;

/** A server of 2025-11-25 with tasks, made with the official library: `research` takes calls as tasks only, `perhaps` takes either, `plain` knows no tasks. */
export class TaskServer {
  readonly store = new InMemoryTaskStore();
  /** Ids of the tasks, as they were made. */
  readonly tasks: string[] = [];
  readonly #queue = new InMemoryTaskMessageQueue();
  readonly #sessions = new Map<string, StreamableHTTPServerTransport>();
  #server!: Server;

  static async start(): Promise<TaskServer> {
    const made = new TaskServer();
    made.#server = createServer((request, response) => void made.#serve(request, response));
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get transport(): Transport {
    return { kind: 'http', url: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp` };
  }

  async close(): Promise<void> {
    for (const transport of this.#sessions.values()) await transport.close();
    this.store.cleanup();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const known = this.#sessions.get(String(request.headers['mcp-session-id']));
    if (known !== undefined) return known.handleRequest(request, response);
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void this.#sessions.set(id, transport),
    });
    await this.#made().connect(transport as Parameters<McpServer['connect']>[0]);
    await transport.handleRequest(request, response);
  }

  #made(): McpServer {
    const capabilities = { tools: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } };
    const server = new McpServer({ name: 'tasks', version: '1' }, { capabilities, taskStore: this.store, taskMessageQueue: this.#queue });
    for (const [name, taskSupport] of [
      ['research', 'required'],
      ['perhaps', 'optional'],
    ] as const)
      server.experimental.tasks.registerToolTask(
        name,
        { inputSchema: argumentsOf, execution: { taskSupport } },
        {
          createTask: async (args, extra) => {
            const task = await extra.taskStore.createTask({ ttl: extra.taskRequestedTtl ?? null, pollInterval: 50 });
            this.tasks.push(task.taskId);
            void this.#work(task.taskId, args, extra);
            return { task };
          },
          getTask: (_args, { taskStore, taskId }) => taskStore.getTask(taskId),
          getTaskResult: async (_args, { taskStore, taskId }) => (await taskStore.getTaskResult(taskId)) as CallToolResult,
        },
      );
    server.registerTool('plain', { inputSchema: argumentsOf }, ({ say }) => text(`plain: ${say}`));
    return server;
  }

  async #work(taskId: string, { say, ask, end }: Arguments, { taskStore, sendRequest }: CreateTaskRequestHandlerExtra): Promise<void> {
    await taskStore.updateTaskStatus(taskId, 'working', 'thinking');
    let name = 'nobody';
    if (ask === true) {
      await taskStore.updateTaskStatus(taskId, 'input_required', 'a name is missing');
      const params = { message: 'Your name?', requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } } };
      const answer = await sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema, { relatedTask: { taskId } } as Parameters<typeof sendRequest>[2]);
      name = String(answer.content?.['name'] ?? answer.action);
      await taskStore.updateTaskStatus(taskId, 'working', 'thinking again');
    }
    if (end === 'never') return;
    if (end === 'failed') await taskStore.storeTaskResult(taskId, 'failed', { ...text('it broke'), isError: true });
    else await taskStore.storeTaskResult(taskId, 'completed', { ...text(`${say} by ${name}`), _meta: { 'example.com/kept': 1 } });
  }
}

function text(words: string): CallToolResult {
  return { content: [{ type: 'text', text: words }] };
}
