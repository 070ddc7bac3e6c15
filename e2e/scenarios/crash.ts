import { describe, expect, it } from '@jest/globals';
import { digestOf, verify, type History } from './witnesses.js';
import type { ToolResult, World } from './world.js';

/** A client that keeps calling until it is told to stop, and writes down what it was told. */
class Caller {
  private running = true;
  private readonly loops: Promise<void>[];

  constructor(
    private readonly world: World,
    private readonly history: History,
    name: string,
    concurrency: number,
  ) {
    this.loops = Array.from({ length: concurrency }, (_, index) => this.loop(`${name}-${index}-${Date.now()}`));
  }

  async stop(): Promise<void> {
    this.running = false;
    this.world.truth.release();
    await Promise.all(this.loops);
  }

  private async loop(name: string): Promise<void> {
    for (let n = 0; this.running; n += 1) {
      const entry: History[number] = { marker: `${name}-${n}`, got: 'unknown' };
      this.history.push(entry);
      try {
        const result = await Promise.race([this.world.call('truth__note', { text: entry.marker }), late(8000)]);
        const receipt = (result as ToolResult)._meta?.['customhouse/receipt'] as { call: string } | undefined;
        if (!result.isError && receipt) Object.assign(entry, { got: 'result', call: receipt.call, content: digestOf(result.content) });
      } catch (error) {
        // A refusal of ours says that nothing was sent; everything else leaves it open.
        if (/log-unavailable/.test(String(error))) entry.got = 'refused';
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

function late(timeout_ms: number): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error('no answer in time')), timeout_ms).unref());
}

interface Rebuild {
  readonly state: string;
  readonly equal: boolean | null;
  readonly calls: number;
  readonly problem: string | null;
}

/** I6, the other half: the rows made anew from the log are the same, byte for byte, as those that grew with it. */
async function rebuild(w: World): Promise<void> {
  await w.must('audit', 'POST', '/v1/projections/calls/rebuild', { source: 'log' });
  const ended = await w.eventually(
    'the rebuild has ended',
    async () => {
      const status = await w.must<{ rebuild: Rebuild | null }>('audit', 'GET', '/v1/projections/calls');
      return status.rebuild?.state === 'running' ? undefined : (status.rebuild ?? undefined);
    },
    90_000,
  );
  expect(ended).toMatchObject({ state: 'swapped', equal: true, problem: null });
  expect(ended.calls).toBeGreaterThan(0);
}

export function crashes(world: () => World): void {
  describe('after a crash', () => {
    it('[crash-no-effect-without-intent][crash-one-terminal] of the ingress under load, five times, the four witnesses agree', async () => {
      const w = world();
      const history: History = [];
      for (let round = 0; round < 5; round += 1) {
        const caller = new Caller(w, history, `kill-${round}`, 4);
        await new Promise((resolve) => setTimeout(resolve, 400 + round * 137));
        await w.gateway.kill('ingress');
        await w.gateway.restart('ingress');
        await w.eventually('calls work again', async () => (await w.call('truth__note', { text: `after-kill-${round}-${Date.now()}` })).content.length > 0, 60_000);
        await caller.stop();
      }
      expect(history.filter((entry) => entry.got === 'result').length).toBeGreaterThan(0);
      await verify(w, history);
      await rebuild(w);
    }, 300_000);

    it('[crash-one-terminal] of the ingress while the upstream works, the call ends as lost and the audit says so', async () => {
      const w = world();
      const marker = `in-flight-${Date.now()}`;
      const pending = w.call('truth__slow', { text: marker });
      pending.catch(() => undefined);
      await w.eventually('the upstream works on the call', async () => w.truth.seen.some((seen) => seen.arguments['text'] === marker));
      await w.gateway.kill('ingress');
      w.truth.release();
      await w.gateway.restart('ingress');
      await w.eventually('the call is lost in the audit', async () => (await w.search({ tool: 'slow', status: 'lost' })).length > 0, 90_000);
      await verify(w, []);
    }, 180_000);

    it('[log-away] of the log, calls are refused within the deadline and take no effect, and work when it is back', async () => {
      const w = world();
      if (!w.gateway.engine) return;
      const history: History = [];
      const caller = new Caller(w, history, 'engine', 3);
      await new Promise((resolve) => setTimeout(resolve, 700));
      await w.gateway.engine.stop();
      const before = w.truth.seen.length;
      const begun = Date.now();
      await expect(w.call('truth__note', { text: `while-away-${begun}` })).rejects.toThrow();
      expect(Date.now() - begun).toBeLessThan(6000);
      // A call that was already on its way may still arrive; the one above must not.
      expect(w.truth.seen.slice(before).some((seen) => seen.arguments['text'] === `while-away-${begun}`)).toBe(false);
      await w.gateway.engine.start();
      await w.eventually('calls work again', async () => (await w.call('truth__note', { text: `back-${Date.now()}` })).content.length > 0, 60_000);
      await caller.stop();
      await verify(w, history);
    }, 300_000);
  });

  describe('after a restart', () => {
    it('[restart] an open approval is still open, and runs once when it is approved', async () => {
      const w = world();
      const marker = `restart-${Date.now()}`;
      const pending = w.call('truth__act', { text: marker });
      pending.catch(() => undefined);
      const find = async (): Promise<string | undefined> =>
        (await w.must<{ items: { approval: string; tool: string }[] }>('approval', 'GET', '/v1/approvals?status=open', undefined, w.keys.bobApproves.presented)).items.find(
          (row) => row.tool === 'act',
        )?.approval;
      const approval = await w.eventually('the request is open', find);
      await w.gateway.stop();
      await w.gateway.start();
      expect(await w.eventually('the request is open again', find)).toBe(approval);
      await w.must('approval', 'POST', `/v1/approvals/${approval}/votes`, { verdict: 'approve', reason: 'after the restart' }, w.keys.bobApproves.presented);
      await w.eventually('the upstream saw it', async () => w.truth.seen.some((seen) => seen.arguments['text'] === marker), 60_000);
      expect(w.truth.seen.filter((seen) => seen.arguments['text'] === marker)).toHaveLength(1);
      await verify(w, []);
    }, 180_000);
  });
}
