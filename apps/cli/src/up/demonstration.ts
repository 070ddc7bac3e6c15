import { setTimeout as sleep } from 'node:timers/promises';
import type { Embedded } from '@customhouse/embedded/embedded';
import { approvalRoutes } from '@customhouse/http-contract/approval';
import { auditRoutes, type CallSummary } from '@customhouse/http-contract/audit';
import { ApiClient } from '../api-client.js';
import { connectAgent, type Agent } from '../mcp-client.js';
import { CliProblem } from '../problem.js';
import type { Session } from '../session.js';
import { callTool, type CallReport } from '../tool-call.js';
import { visibleBlock, visibleLine } from '../visible.js';

const silent = { onHeld: () => undefined, onProgress: () => undefined };

/** Shows one call that is allowed, one that is refused, and one that is held and approved, and all three in the audit. Yields what to print. */
export async function* demonstration(session: Session, gateway: Embedded, signal: AbortSignal): AsyncGenerator<string> {
  if (!gateway.development) throw new CliProblem('failed', 'it needs the development profile, which is for loopback only');
  const key = gateway.operatorKey;
  const api = (service: 'approval' | 'audit') => new ApiClient({ service, url: gateway.api, key, timeout_ms: session.timeout_ms, signal });
  const agent = await connectAgent({ url: gateway.mcp, key: undefined, timeout_ms: session.timeout_ms, signal });
  try {
    const tools = await toolsOfSample(agent, signal);
    yield `\nA real MCP client is connected, and sees ${tools} tools of the server "everything". Three calls:\n`;
    const calls = [
      yield* showCall(agent, '1. everything__echo, which only reads', 'everything__echo', { message: 'hello' }),
      yield* showCall(agent, '2. everything__get-env, which would show credentials', 'everything__get-env', {}),
      yield* showHeldCall(agent, api('approval')),
    ];
    yield* showAudit(api('audit'), calls, signal);
  } finally {
    await agent.close().catch(() => undefined);
  }
}

/** The sample server has been started a moment ago: its tools are served once they are known and accepted. */
async function toolsOfSample(agent: Agent, signal: AbortSignal): Promise<number> {
  for (const deadline = performance.now() + 20_000; ;) {
    const tools = (await agent.listTools()).filter(({ name }) => name.startsWith('everything__'));
    if (tools.some(({ name }) => name === 'everything__echo')) return tools.length;
    if (performance.now() > deadline) throw new CliProblem('failed', 'the server "everything" is not served here (customhouse server list)');
    await sleep(100, undefined, { signal });
  }
}

async function* showCall(agent: Agent, title: string, tool: string, args: Record<string, unknown>): AsyncGenerator<string, string | null> {
  yield title;
  const report = await callTool(agent, { tool, arguments: args, timeout_ms: 30_000, wait_ms: 0, pause_ms: 0 }, silent);
  yield `   ${sentence(report)}\n`;
  return report.call;
}

async function* showHeldCall(agent: Agent, approvals: ApiClient): AsyncGenerator<string, string | null> {
  const tool = 'everything__get-sum';
  // Other numbers each time: an identical call would be the one that was approved before.
  const args = { a: 2, b: Math.floor(Math.random() * 1_000_000) };
  yield `3. ${tool} of ${args.a} and ${args.b}, which a rule holds`;
  const request = { tool, arguments: args, timeout_ms: 30_000, pause_ms: 0 };
  const held = await callTool(agent, { ...request, wait_ms: 0 }, silent);
  if (held.approval === null || held.status !== 'pending') {
    yield `   ${sentence(held)}\n`;
    return held.call;
  }
  yield `   held for approval ${held.approval}: it waits for a person`;
  const shown = await waitForRequest(approvals, held.approval);
  const after = await approvals.request(approvalRoutes.vote, {
    params: { approval: held.approval },
    body: { verdict: 'approve', reason: 'shown by the demonstration', binding: shown.binding },
  });
  yield `   approved by ${after.approvers.join(', ')}, who is somebody else than ${shown.person}`;
  const report = await callTool(agent, { ...request, wait_ms: 20_000 }, silent);
  yield `   ${sentence(report)}\n`;
  return held.call;
}

/** The approval service follows the log, and so knows a held call a moment after it was held. */
async function waitForRequest(approvals: ApiClient, approval: string) {
  for (const deadline = performance.now() + 10_000; ; await sleep(50)) {
    try {
      return await approvals.request(approvalRoutes.show, { params: { approval } });
    } catch (error) {
      if (!(error instanceof CliProblem) || error.more.code !== 'not-found' || performance.now() > deadline) throw error;
    }
  }
}

async function* showAudit(audit: ApiClient, calls: readonly (string | null)[], signal: AbortSignal): AsyncGenerator<string> {
  yield 'The audit has all three:';
  for (const call of calls) {
    if (call === null) continue;
    yield `   ${auditLine(await ended(audit, call, signal))}`;
  }
}

/** The audit follows the log too. */
async function ended(audit: ApiClient, call: string, signal: AbortSignal): Promise<CallSummary> {
  for (const deadline = performance.now() + 10_000; ; await sleep(50, undefined, { signal })) {
    try {
      const found = await audit.request(auditRoutes.show, { params: { call } });
      if (found.ended !== null || performance.now() > deadline) return found;
    } catch (error) {
      if (!(error instanceof CliProblem) || error.more.code !== 'not-found' || performance.now() > deadline) throw error;
    }
  }
}

function auditLine(call: CallSummary): string {
  const decided = `${call.effect ?? '?'} (${call.rules[0]?.id ?? '?'})`;
  return `${call.time}  ${visibleLine(call.exposed ?? '?').padEnd(21)}  ${decided.padEnd(30)}  ${call.status.padEnd(10)}  ${visibleLine(call.agent ?? '?')} for ${visibleLine(call.person ?? '?')}`;
}

function sentence(report: CallReport): string {
  const words = report.result.content.map((part) => (part.type === 'text' && typeof part.text === 'string' ? part.text : `[${part.type}]`)).join(' ');
  const shown = visibleBlock(words).replaceAll('\n', '\n   ');
  return report.status === 'completed' ? `allowed, recorded, done: ${shown}` : `${report.status}: ${shown}`;
}
