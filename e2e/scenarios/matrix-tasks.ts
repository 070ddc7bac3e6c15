import type { Era, Place } from './matrix-client.js';

type Json = Record<string, unknown>;

/** What a client has of a call that is a task. */
export interface AsTask {
  readonly taskId: string;
  /** As they were seen, one after the other. */
  readonly statuses: readonly string[];
  /** What the call would have been answered with. */
  readonly result: Json;
}

const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'tasks', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
};

/** Calls a tool as a task, in the words of an era, and looks until it has ended. Plain HTTP, because official clients have tasks in packages of their own. */
export async function callAsTask(place: Place, era: Era, tool: string, args: Json = {}): Promise<AsTask> {
  return era === 'modern' ? modern(place, tool, args) : legacy(place, tool, args);
}

async function modern(place: Place, tool: string, args: Json): Promise<AsTask> {
  const ask = async (method: string, name: string, params: Json): Promise<Json> => {
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': name };
    return (await post(place, { id: 1, method, params: { ...params, _meta: envelope } }, headers)).result;
  };
  const created = await ask('tools/call', tool, { name: tool, arguments: args });
  if (created['resultType'] !== 'task') throw new Error(`no task, but ${JSON.stringify(created)}`);
  const taskId = String(created['taskId']);
  const { statuses, last } = await look(() => ask('tasks/get', taskId, { taskId }));
  return { taskId, statuses, result: last['result'] as Json };
}

async function legacy(place: Place, tool: string, args: Json): Promise<AsTask> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'tasks', version: '1.0.0' } };
  const { session } = await post(place, { id: 1, method: 'initialize', params }, {});
  const headers = { 'mcp-session-id': session ?? '', 'mcp-protocol-version': '2025-11-25' };
  const ask = async (method: string, about: Json): Promise<Json> => (await post(place, { id: 2, method, params: about }, headers)).result;
  const { task } = await ask('tools/call', { name: tool, arguments: args, task: {} });
  const { taskId } = task as { taskId: string };
  const { statuses } = await look(() => ask('tasks/get', { taskId }));
  return { taskId, statuses, result: await ask('tasks/result', { taskId }) };
}

async function look(get: () => Promise<Json>): Promise<{ statuses: string[]; last: Json }> {
  const until = Date.now() + 40_000;
  const statuses: string[] = [];
  for (;;) {
    const last = await get();
    const status = String(last['status']);
    if (statuses.at(-1) !== status) statuses.push(status);
    if (status !== 'working' && status !== 'input_required') return { statuses, last };
    if (Date.now() > until) throw new Error('the task did not end within 40 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function post(place: Place, message: Json, more: Record<string, string>): Promise<{ result: Json; session: string | null }> {
  const { url, key } = typeof place === 'string' ? { url: place, key: undefined } : place;
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
    ...more,
  };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
  const body = await response.text();
  const events = [...body.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data!) as Json);
  const answer = events.findLast((event) => event['id'] === message['id']) ?? (JSON.parse(body) as Json);
  if ('error' in answer) throw new Error(JSON.stringify(answer['error']));
  return { result: answer['result'] as Json, session: response.headers.get('mcp-session-id') };
}
