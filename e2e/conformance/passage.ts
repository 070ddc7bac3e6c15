import { setTimeout as pause } from 'node:timers/promises';
import type { Gateway } from '../modes/gateway.js';

/** How a running gateway is reached by somebody who may change everything. It travels to client programs as JSON in the environment. */
export interface GatewayAddress {
  readonly origin: string;
  /** Base URLs of control APIs. */
  readonly apis: Readonly<Record<'registry' | 'policy', string>>;
  readonly operatorKey: string;
  /** Of an agent, where the gateway serves nobody without one. */
  readonly agentKey?: string;
}

export const addressOf = (gateway: Gateway): GatewayAddress => ({
  origin: gateway.origin,
  apis: { registry: gateway.api('registry'), policy: gateway.api('policy') },
  operatorKey: gateway.operatorKey,
});

const methods = ['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'completion/complete', 'sampling/createMessage', 'elicitation/create', 'roots/list'];

/** The rules of a transparent test: nothing is refused, and nothing held. */
export const openRules = { version: 1, rules: [{ id: 'everything', effect: 'allow', reason: 'A transparent test.', methods, tools: ['*/*'] }] };

/** Puts the open rules in force. */
export async function openUp(gateway: GatewayAddress): Promise<void> {
  const drafted = await ask<{ number: number }>(gateway, 'POST', '/v1/policy/versions', { rules: openRules, note: 'conformance' });
  await ask(gateway, 'POST', `/v1/policy/versions/${drafted.number}/activate`, {});
}

/**
 * Registers a server under a name of its own, accepts everything it offers, and waits until the gateway serves it. Answers the address at which it
 * stands in for the server; throws with what the registry says when that does not come about.
 */
export async function register(gateway: GatewayAddress, name: string, transport: object, timeout_ms = 20_000): Promise<string> {
  await ask(gateway, 'POST', '/v1/servers', { name, transport });
  const through = `${gateway.origin}/servers/${name}/mcp`;
  const until = Date.now() + timeout_ms;
  for (;;) {
    const state = await look(gateway, name);
    if (state.ready && (await serves(through, state.tools, gateway.agentKey))) return through;
    if (Date.now() > until) throw new Error(`the gateway does not serve ${name} after ${timeout_ms} ms: ${state.words}`);
    await pause(100);
  }
}

export const passage = (gateway: GatewayAddress, name: string, url: string): Promise<string> => register(gateway, name, { kind: 'http', url });

/** A key that lets somebody call, where the gateway asks for one. */
export async function withAgentKey(gateway: GatewayAddress): Promise<GatewayAddress> {
  const made = { agent: 'protocol', person: 'protocol@example.com', groups: [], roles: ['agent'], expires: null };
  return { ...gateway, agentKey: (await ask<{ presented: string }>(gateway, 'POST', '/v1/keys', made)).presented };
}

export async function closePassage(gateway: GatewayAddress, name: string): Promise<void> {
  await ask(gateway, 'DELETE', `/v1/servers/${name}`);
}

async function look(gateway: GatewayAddress, name: string): Promise<{ ready: boolean; tools: number; words: string }> {
  const server = await ask<{ reachable: boolean | null; served: number; quarantined: number; problem: string | null }>(gateway, 'GET', `/v1/servers/${name}`);
  if (server.quarantined > 0) {
    const { items } = await ask<{ items: { tool: string; digest: string }[] }>(gateway, 'GET', `/v1/tools?server=${name}&status=quarantined`);
    for (const { tool, digest } of items) await ask(gateway, 'POST', `/v1/tools/${name}/${encodeURIComponent(tool)}/accept`, { digest, labels: [] });
  }
  const ready = server.reachable === true && server.quarantined === 0;
  return { ready, tools: server.served, words: server.problem ?? `reachable ${String(server.reachable)}, ${server.served} tools served, ${server.quarantined} not accepted` };
}

/** True when the gateway's own state has come as far as the registry's. Asked as any client of 2025-11-25 would. */
async function serves(url: string, tools: number, key?: string): Promise<boolean> {
  const post = (body: object, session?: string): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(session === undefined ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
      signal: AbortSignal.timeout(5_000),
    });
  const clientInfo = { name: 'conformance-passage', version: '1.0.0' };
  const opened = await post({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } });
  await opened.text();
  if (!opened.ok) return false;
  const session = opened.headers.get('mcp-session-id') ?? undefined;
  await (await post({ method: 'notifications/initialized' }, session)).text();
  const listed = await post({ id: 2, method: 'tools/list' }, session);
  return ((await listed.text()).match(/"inputSchema"/g) ?? []).length >= tools;
}

async function ask<T>(gateway: GatewayAddress, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${gateway.apis[path.startsWith('/v1/policy') ? 'policy' : 'registry']}${path}`, {
    method,
    headers: { authorization: `Bearer ${gateway.operatorKey}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
