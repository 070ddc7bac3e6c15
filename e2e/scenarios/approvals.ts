import { describe, expect, it } from '@jest/globals';
import type { ToolResult, World } from './world.js';

interface Approval {
  readonly approval: string;
  readonly call: string;
  readonly status: string;
}

async function openRequests(w: World): Promise<Approval[]> {
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

const vote = (w: World, request: Approval, verdict: 'approve' | 'deny', key = w.keys.bobApproves.presented): Promise<{ status: number; body: unknown }> =>
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
  });
}
