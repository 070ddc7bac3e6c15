import { randomUUID } from 'node:crypto';

type Json = Record<string, unknown>;

/** The tool whose calls may be tasks. */
export const taskTool = 'test_task';
export const taskEnd = 'The end of a task.';
/** What a server of 2025-11-25 declares of tasks. */
export const legacyTasks = { list: {}, cancel: {}, requests: { tools: { call: {} } } };

const extension = 'io.modelcontextprotocol/tasks';
const declared = 'io.modelcontextprotocol/clientCapabilities';
const related = 'io.modelcontextprotocol/related-task';
const poll_ms = 50;

/** Tasks on the wire of either era. The library of the reference server leaves them to others, so what concerns them is answered before it. */
export class Tasks {
  /** How often each was looked at, or that it was cancelled. */
  private readonly looks = new Map<string, number | 'cancelled'>();

  /** Undefined for what is not about tasks. */
  async answer(request: Request, legacy: boolean): Promise<Response | undefined> {
    if (request.method !== 'POST') return undefined;
    const message = (await request
      .clone()
      .json()
      .catch(() => undefined)) as Json | undefined;
    const params = (message?.['params'] ?? {}) as Json;
    const result = legacy ? this.legacy(message?.['method'], params) : this.modern(message?.['method'], params);
    return result && Response.json({ jsonrpc: '2.0', id: message?.['id'], result });
  }

  private legacy(method: unknown, params: Json): Json | undefined {
    const id = String(params['taskId']);
    const common = (status: string): Json => ({ ...times(), status, ttl: 60_000, pollInterval: poll_ms });
    switch (method) {
      case 'tools/call':
        return params['name'] === taskTool && 'task' in params ? { task: { taskId: this.begin(), ...common('working') } } : undefined;
      case 'tasks/get':
        return { taskId: id, ...common(this.look(id)) };
      case 'tasks/result':
        return { ...ending(), _meta: { [related]: { taskId: id } } };
      case 'tasks/cancel':
        this.looks.set(id, 'cancelled');
        return { taskId: id, ...common('cancelled') };
      default:
        return undefined;
    }
  }

  private modern(method: unknown, params: Json): Json | undefined {
    const id = String(params['taskId']);
    const common = { ...times(), ttlMs: 60_000, pollIntervalMs: poll_ms };
    switch (method) {
      case 'tools/call':
        return params['name'] === taskTool && knowsTasks(params) ? { resultType: 'task', taskId: this.begin(), ...common, status: 'working' } : undefined;
      case 'tasks/get': {
        const status = this.look(id);
        return { resultType: 'complete', taskId: id, ...common, status, ...(status === 'completed' && { result: { resultType: 'complete', ...ending() } }) };
      }
      case 'tasks/cancel':
        this.looks.set(id, 'cancelled');
        return { resultType: 'complete' };
      default:
        return undefined;
    }
  }

  private begin(): string {
    const id = randomUUID();
    this.looks.set(id, 0);
    return id;
  }

  /** It is completed when it is looked at for the second time. */
  private look(id: string): string {
    const looks = this.looks.get(id) ?? 'cancelled';
    if (looks === 'cancelled') return 'cancelled';
    this.looks.set(id, looks + 1);
    return looks === 0 ? 'working' : 'completed';
  }
}

function times(): Json {
  const now = new Date().toISOString();
  return { createdAt: now, lastUpdatedAt: now };
}

function ending(): Json {
  return { content: [{ type: 'text', text: taskEnd }] };
}

function knowsTasks({ _meta: meta }: Json): boolean {
  const capabilities = (meta as Json | undefined)?.[declared] as Json | undefined;
  return extension in ((capabilities?.['extensions'] ?? {}) as Json);
}
