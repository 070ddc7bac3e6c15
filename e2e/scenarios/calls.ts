import { describe, expect, it } from '@jest/globals';
import type { ProgressNotification } from '@modelcontextprotocol/client';
import { open } from '../checker/open.js';
import type { World } from './world.js';

const text = (result: { content: { text?: string }[] }): string => result.content.map((block) => block.text ?? '').join('\n');

export function calls(world: () => World): void {
  describe('a tool call', () => {
    it('[governed-call][recorded-before-reply] gets what the server answered, and its receipt names an outcome that is in the log', async () => {
      const w = world();
      const result = await w.call('truth__note', { text: 'hello governed world' });
      expect(text(result)).toBe('done: hello governed world');
      const receipt = result._meta?.['customhouse/receipt'] as { call: string };
      expect(receipt.call).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
      const types = (await w.gateway.rawLog())
        .filter((record) => record.topic === 'customhouse.calls' && record.value?.includes(receipt.call))
        .map((record) => (JSON.parse(record.value!) as { type: string }).type);
      expect(types).toEqual(['customhouse.call.admitted.v1', 'customhouse.call.completed.v1']);
    });

    it('[recorded-before-dispatch] has its intent in the log while the upstream is still working on it', async () => {
      const w = world();
      const marker = `slow ${Date.now()}`;
      const pending = w.call('truth__slow', { text: marker });
      try {
        await w.eventually('the upstream works on the call', async () => w.truth.seen.some((seen) => seen.arguments['text'] === marker));
        const opener = await open(w.gateway);
        const intents = (await w.gateway.rawLog()).filter((record) => record.topic === 'customhouse.calls' && record.value?.includes('call.admitted'));
        expect(intents.some((record) => opener((JSON.parse(record.value!) as { data: { arguments: unknown } }).data.arguments).includes(marker))).toBe(true);
      } finally {
        w.truth.release();
        await pending;
      }
    });

    it('[refused-call] that a rule refuses never reaches the upstream and says which rule and why', async () => {
      const w = world();
      const before = w.truth.seen.length;
      const result = await w.call('truth__note', { text: 'open the vault' });
      expect(result.isError).toBe(true);
      expect(text(result)).toContain('Notes must not be about the vault.');
      expect(result._meta?.['customhouse/decision']).toMatchObject({ effect: 'refuse', rules: ['no-secrets-in-notes', 'read-the-truth'] });
      expect(w.truth.seen.length).toBe(before);
      const call = (result._meta?.['customhouse/decision'] as { call: string }).call;
      const found = await w.eventually('the refusal is in the audit', async () => (await w.search({ effect: 'refuse' })).find((row) => row.call === call));
      expect(found).toMatchObject({ agent: 'reporter', person: 'alice@example.com', server: 'truth', tool: 'note', status: 'refused' });
    });

    it('[credential-finding] whose result holds a credential comes back without it, and the finding is in the timeline', async () => {
      const w = world();
      const result = await w.call('truth__leak', {});
      expect(text(result)).toContain('region = eu-central-1');
      expect(text(result)).not.toContain('QYLPMN5HHHFPZAM2');
      const { call } = result._meta?.['customhouse/receipt'] as { call: string };
      const timeline = await w.eventually('the call is in the audit', async () => {
        const answer = await w.ask('audit', 'GET', `/v1/calls/${call}`, undefined, w.keys.auditor.presented);
        return answer.status === 200 && JSON.stringify(answer.body).includes('call.completed') ? JSON.stringify(answer.body) : undefined;
      });
      expect(timeline).toContain('credential');
      expect(timeline).not.toContain('QYLPMN5HHHFPZAM2');
    });

    it("[progress] reports the upstream's progress under the client's own token", async () => {
      const w = world();
      await w.must('registry', 'POST', '/v1/servers', { name: 'everything-stdio', transport: w.gateway.stdio('everything') });
      await w.activate([...(await import('./world.js')).baseRules, { id: 'stdio-sample', effect: 'allow', reason: 'Samples are fine.', tools: ['everything-stdio/*'] }]);
      await w.eventually('the stdio server is listed', async () => (await w.toolNames()).some((name) => name.startsWith('everything-stdio__')), 60_000);
      const seen: ProgressNotification['params'][] = [];
      await w.withClient((client) =>
        client.callTool(
          { name: 'everything-stdio__trigger-long-running-operation', arguments: { duration: 1, steps: 3 } },
          { onprogress: (progress) => seen.push(progress as never), timeout: 20_000 },
        ),
      );
      expect(seen.length).toBeGreaterThanOrEqual(2);
    }, 90_000);

    it('[cancellation] that its client cancels has exactly one end in the log', async () => {
      const w = world();
      const marker = `cancel ${Date.now()}`;
      const controller = new AbortController();
      await w.withClient(async (client) => {
        const pending = client.callTool({ name: 'truth__slow', arguments: { text: marker } }, { signal: controller.signal });
        const ended = pending.then(
          () => 'answered',
          () => 'cancelled',
        );
        await w.eventually('the upstream works on the call', async () => w.truth.seen.some((seen) => seen.arguments['text'] === marker));
        controller.abort();
        expect(await ended).toBe('cancelled');
      });
      w.truth.release();
      const opener = await open(w.gateway);
      const ends = await w.eventually('the cancelled call has an end', async () => {
        const events = (await w.gateway.rawLog())
          .filter((record) => record.topic === 'customhouse.calls')
          .map((record) => JSON.parse(record.value!) as { type: string; data: { call: string; arguments?: unknown } });
        const intent = events.find((event) => event.data.arguments && opener(event.data.arguments).includes(marker));
        const after = events.filter((event) => event.data.call === intent?.data.call && event !== intent);
        return after.length > 0 ? after.map((event) => event.type) : undefined;
      });
      expect(ends).toHaveLength(1);
    });

    it('[sealed-log] leaves no byte of its arguments or result readable in the log', async () => {
      const w = world();
      const secret = `pineapple-${Date.now()}`;
      await w.call('truth__note', { text: secret });
      const raw = await w.gateway.rawLog();
      expect(raw.length).toBeGreaterThan(0);
      expect(raw.filter((record) => record.value?.includes(secret))).toEqual([]);
    });
  });
}
