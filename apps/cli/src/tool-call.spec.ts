import { describe, expect, it } from '@jest/globals';
import type { Agent, ToolResult } from './mcp-client.js';
import { callTool, exitOfCall, reportOf } from './tool-call.js';

const decision = (effect: string, more = {}) => ({ 'customhouse/decision': { call: 'C', effect, rules: ['careful'], ...more } });
const text = (words: string, more: object = {}): ToolResult => ({ content: [{ type: 'text', text: words }], ...more });
const pending = text('pending', { isError: true, _meta: decision('hold', { approval: 'A', expires: '2026-11-22T13:00:00.000Z' }) });
const done = text('done', { _meta: { 'customhouse/receipt': { call: 'C' } } });

/** An agent whose answers are given, and which remembers what it was asked. */
function scripted(...answers: ToolResult[]) {
  const waits: unknown[] = [];
  const agent: Agent = {
    listTools: async () => [],
    callTool: async (params) => {
      waits.push(params._meta?.['customhouse/wait_ms']);
      return answers[Math.min(waits.length, answers.length) - 1]!;
    },
    close: async () => undefined,
  };
  return { agent, waits };
}
const silent = { onHeld: () => undefined, onProgress: () => undefined };
const request = { tool: 's__t', arguments: {}, timeout_ms: 1000, pause_ms: 0 };

describe('the report of a call', () => {
  it.each([
    ['completed', done],
    ['error', text('no such file', { isError: true })],
    ['refused', text('no', { isError: true, _meta: decision('refuse') })],
    ['denied', text('no', { isError: true, _meta: decision('refuse', { approval: 'A' }) })],
    ['pending', pending],
  ] as const)('is %s', (status, result) => {
    expect(reportOf('s__t', result).status).toBe(status);
  });

  it('names the call, the rules and the approval', () => {
    expect(reportOf('s__t', pending)).toEqual({
      status: 'pending',
      tool: 's__t',
      call: 'C',
      rules: ['careful'],
      approval: 'A',
      expires: '2026-11-22T13:00:00.000Z',
      result: pending,
    });
    expect(reportOf('s__t', done)).toMatchObject({ call: 'C', rules: [], approval: null, expires: null });
  });

  it('does not trust the shape of what it reads', () => {
    const odd = text('x', { _meta: { 'customhouse/decision': { effect: 7, rules: 'all', call: {} }, 'customhouse/receipt': null } });
    expect(reportOf('s__t', odd)).toMatchObject({ status: 'completed', call: null, rules: [] });
  });

  it('has an exit code for each status', () => {
    expect(exitOfCall).toEqual({ completed: 'ok', error: 'failed', refused: 'refused', denied: 'refused', pending: 'pending' });
  });
});

describe('a held call', () => {
  it('is not waited for unless that was asked for', async () => {
    const { agent, waits } = scripted(pending);
    expect((await callTool(agent, { ...request, wait_ms: 0 }, silent)).status).toBe('pending');
    expect(waits).toEqual([0]);
  });

  it('is asked for again until it is decided, and said once to wait', async () => {
    const { agent, waits } = scripted(pending, pending, pending, done);
    const held: unknown[] = [];
    const report = await callTool(agent, { ...request, wait_ms: 3_600_000 }, { ...silent, onHeld: ({ approval }) => held.push(approval) });
    expect(report.status).toBe('completed');
    expect(held).toEqual(['A']);
    expect(waits).toEqual([0, 60_000, 60_000, 60_000]);
  });

  it('is left to itself when the time is over', async () => {
    const { agent } = scripted(pending);
    expect((await callTool(agent, { ...request, wait_ms: 5 }, silent)).status).toBe('pending');
  });
});
