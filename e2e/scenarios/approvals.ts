import { describe, expect, it } from '@jest/globals';
import { callAsTask } from './matrix-tasks.js';
import type { ToolResult, World } from './world.js';

interface Approval {
  readonly approval: string;
  readonly call: string;
  readonly status: string;
}

export async function openRequests(w: World): Promise<Approval[]> {
  return (await w.must<{ items: Approval[] }>('approval', 'GET', '/v1/approvals?status=open', undefined, w.keys.bobApproves.presented)).items;
}

/** Makes a call that is held, and resolves with its request when a person can see it. */
export async function hold(w: World, marker: string): Promise<{ pending: Promise<ToolResult>; request: Approval }> {
  const before = new Set((await openRequests(w)).map((request) => request.approval));
  const pending = w.call('truth__act', { text: marker });
  pending.catch(() => undefined);
  const request = await w.eventually('the request is open', async () => (await openRequests(w)).find((candidate) => !before.has(candidate.approval)));
  return { pending, request };
}

export const vote = (w: World, request: Approval, verdict: 'approve' | 'deny', key = w.keys.bobApproves.presented): Promise<{ status: number; body: unknown }> =>
  w.ask('approval', 'POST', `/v1/approvals/${request.approval}/votes`, { verdict, reason: 'end-to-end' }, key);

const times = (w: World, marker: string): number => w.truth.seen.filter((seen) => seen.arguments['text'] === marker).length;

export function approvals(world: () => World): void {
  describe('a held call', () => {
    it('[held-call-approved] runs once after another person approved it', async () => {
      const w = world();
      const marker = `approved ${Date.now()}`;
      const { pending, request } = await hold(w, marker);
      expect(times(w, marker)).toBe(0);
      expect((await vote(w, request, 'approve')).status).toBeLessThan(300);
      await w.eventually('the upstream saw it', async () => times(w, marker) === 1);
      const first = await pending;
      // The client may have been answered "pending" before the approval came; the identical call gets the outcome.
      const result = first.isError
        ? await w.eventually('the outcome is handed out', async () => {
            const again = await w.call('truth__act', { text: marker });
            return again.isError ? undefined : again;
          })
        : first;
      expect(result.content[0]?.text).toBe(`done: ${marker}`);
      expect(times(w, marker)).toBe(1);
    });

    it('[held-call-denied] that is denied never runs, and its caller is told', async () => {
      const w = world();
      const marker = `denied ${Date.now()}`;
      const { pending, request } = await hold(w, marker);
      expect((await vote(w, request, 'deny')).status).toBeLessThan(300);
      const result = await pending;
      expect(result.isError).toBe(true);
      await w.eventually('the denial is in the audit', async () => (await w.search({ status: 'denied' })).some((row) => row.call === request.call));
      expect(times(w, marker)).toBe(0);
    });

    it('[held-call-four-eyes] cannot be approved by the person it is made for', async () => {
      const w = world();
      const marker = `four eyes ${Date.now()}`;
      const { pending, request } = await hold(w, marker);
      const answer = await vote(w, request, 'approve', w.keys.aliceApproves.presented);
      expect(answer.status).toBe(403);
      expect(JSON.stringify(answer.body)).toContain('four-eyes');
      expect(times(w, marker)).toBe(0);
      await vote(w, request, 'deny');
      await pending;
    });

    it('[held-call-client-gone] runs when its client is gone, and the identical call gets the stored outcome', async () => {
      const w = world();
      const marker = `gone ${Date.now()}`;
      const client = await w.connect();
      const before = new Set((await openRequests(w)).map((request) => request.approval));
      const pending = client.callTool({ name: 'truth__act', arguments: { text: marker } });
      pending.catch(() => undefined);
      const request = await w.eventually('the request is open', async () => (await openRequests(w)).find((candidate) => !before.has(candidate.approval)));
      await client.close();
      expect((await vote(w, request, 'approve')).status).toBeLessThan(300);
      await w.eventually('the upstream saw it', async () => times(w, marker) === 1);
      const result = await w.eventually('the outcome is handed out', async () => {
        const again = await w.call('truth__act', { text: marker });
        return again.isError ? undefined : again;
      });
      expect(result.content[0]?.text).toBe(`done: ${marker}`);
      expect(times(w, marker)).toBe(1);
    });

    it('[held-call-quorum] that takes two people runs when the second has approved it, and not when one does so twice', async () => {
      const w = world();
      const marker = `pair ${Date.now()}`;
      const dora = await w.issue('console', 'dora@example.com', ['approver']);
      const { pending, request } = await hold(w, marker);
      for (let turn = 0; turn < 2; turn += 1) expect(await vote(w, request, 'approve')).toMatchObject({ status: 200, body: { status: 'open', approvers: ['bob@example.com'] } });
      expect(times(w, marker)).toBe(0);
      const second = await w.eventually('the key of the second is known', async () => {
        const answer = await vote(w, request, 'approve', dora.presented);
        return answer.status !== 401 && answer;
      });
      expect(second.status).toBe(200);
      await w.eventually('the upstream saw it', async () => times(w, marker) === 1);
      await pending;
      await w.eventually('the call is in the audit', async () => (await w.search({ status: 'completed', tool: 'act' })).some((row) => row.call === request.call));
      expect(times(w, marker)).toBe(1);
    });

    it.each(['modern', 'legacy'] as const)('[held-call-task] is a task for a %s client that knows those, and its end is what the server answered', async (era) => {
      const w = world();
      const marker = `task ${era} ${Date.now()}`;
      const before = new Set((await openRequests(w)).map((request) => request.approval));
      const task = callAsTask({ url: `${w.gateway.origin}/mcp`, key: w.keys.agent.presented }, era, 'truth__act', { text: marker });
      task.catch(() => undefined);
      const request = await w.eventually('the request is open', async () => (await openRequests(w)).find((candidate) => !before.has(candidate.approval)));
      expect(times(w, marker)).toBe(0);
      expect((await vote(w, request, 'approve')).status).toBeLessThan(300);
      const { statuses, result } = await task;
      expect(statuses.at(-1)).toBe('completed');
      expect((result as ToolResult).content[0]?.text).toBe(`done: ${marker}`);
      expect(times(w, marker)).toBe(1);
    });
  });
}
