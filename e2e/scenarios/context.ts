import { describe, expect, it } from '@jest/globals';
import { open } from '../checker/open.js';
import { openRequests, vote } from './approvals.js';
import type { ToolResult, World } from './world.js';

const textOf = (result: ToolResult): string => result.content[0]?.text ?? '';
const rulesOf = (result: ToolResult): readonly string[] => (result._meta?.['customhouse/decision'] as { rules: readonly string[] }).rules;

interface ShownTool {
  readonly tool: string;
  readonly status: string;
  readonly digest: string;
}

/** Says what a tool does, as somebody does who has looked at it. */
async function label(w: World, tool: string, labels: readonly string[]): Promise<void> {
  const { items } = await w.must<{ items: ShownTool[] }>('registry', 'GET', '/v1/tools?server=truth');
  const { digest } = items.find((shown) => shown.tool === tool)!;
  await w.must('registry', 'POST', `/v1/tools/truth/${tool}/accept`, { digest, labels });
}

export function context(world: () => World): void {
  describe('what a rule asks for besides', () => {
    it('[limits] a rule lets a call through as often as it says, and refuses the next by its own name', async () => {
      const w = world();
      const text = `counted ${Date.now()}`;
      for (let turn = 0; turn < 2; turn += 1) expect(textOf(await w.call('truth__note', { text }))).toBe(`done: ${text}`);
      const refused = await w.call('truth__note', { text });
      expect(refused.isError).toBe(true);
      expect(rulesOf(refused)).toContain('twice-is-enough');
      expect(w.truth.seen.filter((seen) => seen.arguments['text'] === text)).toHaveLength(2);
      expect(textOf(await w.call('truth__note', { text: 'not one of those' }))).toBe('done: not one of those');
    });

    it('[obligation-redact] what a rule takes out of a result reaches neither the agent nor the log', async () => {
      const w = world();
      const result = await w.call('truth__lookup', {});
      expect(JSON.parse(textOf(result))).toEqual({ name: 'Ada', grade: { level: 3 } });
      expect((result as { structuredContent?: unknown }).structuredContent).toEqual({ name: 'Ada', grade: { level: 3 } });
      const { call } = result._meta!['customhouse/receipt'] as { call: string };
      const opener = await open(w.gateway);
      const outcome = (await w.gateway.rawLog()).find((record) => record.topic === 'customhouse.calls' && record.value?.includes(call) && record.value.includes('call.completed'));
      const kept = opener((JSON.parse(outcome!.value!) as { data: { result: unknown } }).data.result);
      expect(kept).toContain('Ada');
      expect(kept).not.toContain('471147');
    });

    it('[obligation-cap] a larger result than a rule lets pass is not passed on, and the agent reads why', async () => {
      const w = world();
      const result = await w.call('truth__note', { text: `long ${'and longer '.repeat(100)}` });
      expect(result.isError).toBe(true);
      expect(textOf(result)).toMatch(/^The answer has \d+ bytes, and the policy lets at most 500 pass\./);
      expect(textOf(await w.call('truth__note', { text: 'long, but not very' }))).toBe('done: long, but not very');
    });

    it('[session-labels] a session that has read something private sends nothing out before a person looked at it; another session does', async () => {
      const w = world();
      await label(w, 'lookup', ['read-only', 'reads-sensitive']);
      await label(w, 'send', ['communicates-externally']);
      await w.withClient(async (client) => {
        const call = (name: string, args: Record<string, unknown>): Promise<ToolResult> => client.callTool({ name, arguments: args }) as Promise<ToolResult>;
        await w.eventually('the label of the tool is known', async () => textOf(await call('truth__send', { text: `before ${Date.now()}` })).startsWith('done: before'));
        const text = `after ${Date.now()}`;
        const held = await w.eventually('the session has read something private', async () => {
          await call('truth__lookup', {});
          const answer = await call('truth__send', { text });
          return answer.isError && answer;
        });
        expect(textOf(held)).toContain('Approval pending');
        expect(rulesOf(held)).toContain('private-data-stays');
        expect(w.truth.seen.some((seen) => seen.arguments['text'] === text)).toBe(false);
        const { approval } = held._meta!['customhouse/decision'] as { approval: string };
        const request = (await openRequests(w)).find((row) => row.approval === approval)!;
        expect((await vote(w, request, 'approve')).status).toBeLessThan(300);
        const sent = await w.eventually('the outcome is handed out', async () => {
          const answer = await call('truth__send', { text });
          return !answer.isError && answer;
        });
        expect(textOf(sent)).toBe(`done: ${text}`);
      });
      expect(textOf(await w.call('truth__send', { text: 'from another session' }))).toBe('done: from another session');
    });
  });
}
