import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent, ToolResult } from './mcp-client.js';
import type { Exit } from './problem.js';
import type { JsonObject } from './values.js';

/** How a governed call stands. The shape of `customhouse call --json`. */
export interface CallReport {
  /** `error` is the tool's own verdict; `refused` is policy's; `denied` a person's, or nobody's in time; `pending` waits for one. */
  readonly status: 'completed' | 'error' | 'refused' | 'denied' | 'pending';
  readonly tool: string;
  /** Id under which the audit knows it. */
  readonly call: string | null;
  /** Ids of the policy rules that decided, where they did not let it pass. */
  readonly rules: readonly string[];
  readonly approval: string | null;
  readonly expires: string | null;
  readonly result: ToolResult;
}

export const exitOfCall: Readonly<Record<CallReport['status'], Exit>> = { completed: 'ok', error: 'failed', refused: 'refused', denied: 'refused', pending: 'pending' };

interface Decision {
  readonly call?: unknown;
  readonly effect?: unknown;
  readonly rules?: unknown;
  readonly approval?: unknown;
  readonly expires?: unknown;
}

/** Reads what the gateway says about a call in the `_meta` of its result. */
export function reportOf(tool: string, result: ToolResult): CallReport {
  const meta = (result._meta ?? {}) as Record<string, unknown>;
  const decision = meta['customhouse/decision'] as Decision | undefined;
  const receipt = meta['customhouse/receipt'] as { readonly call?: unknown } | undefined;
  return {
    status: statusOf(result, decision),
    tool,
    call: textOr(decision?.call) ?? textOr(receipt?.call),
    rules: Array.isArray(decision?.rules) ? decision.rules.filter((rule) => typeof rule === 'string') : [],
    approval: textOr(decision?.approval),
    expires: textOr(decision?.expires),
    result,
  };
}

function statusOf(result: ToolResult, decision: Decision | undefined): CallReport['status'] {
  if (decision?.effect === 'hold') return 'pending';
  if (decision?.effect === 'refuse') return decision.approval === undefined ? 'refused' : 'denied';
  return result.isError === true ? 'error' : 'completed';
}

function textOr(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Longest the gateway is asked to hold one request open; a held call is asked for again after it. */
const slice_ms = 60_000;

export interface CallRequest {
  readonly tool: string;
  readonly arguments: JsonObject;
  /** For the tool to answer. */
  readonly timeout_ms: number;
  /** For a person to decide. 0: do not wait. */
  readonly wait_ms: number;
  /** Between two requests at least, should the gateway not keep one waiting. */
  readonly pause_ms: number;
}

/**
 * Makes a governed call. While it waits for a person the identical call is repeated, which attaches to the one that is held; when
 * the time is over, the report says `pending` and nothing is lost. Throws CliProblem.
 */
export async function callTool(
  agent: Agent,
  request: CallRequest,
  listeners: { onHeld: (report: CallReport) => void; onProgress: (message: string) => void },
): Promise<CallReport> {
  const until = performance.now() + request.wait_ms;
  for (let told = false; ;) {
    const patience_ms = Math.max(0, Math.min(until - performance.now(), told ? slice_ms : 0));
    const begun = performance.now();
    const params = { name: request.tool, arguments: request.arguments, _meta: { 'customhouse/wait_ms': Math.round(patience_ms) } };
    const report = reportOf(request.tool, await agent.callTool(params, { timeout_ms: request.timeout_ms + patience_ms, onProgress: listeners.onProgress }));
    if (report.status !== 'pending' || performance.now() >= until) return report;
    if (!told) listeners.onHeld(report);
    told = true;
    await sleep(Math.max(0, request.pause_ms - (performance.now() - begun)));
  }
}
