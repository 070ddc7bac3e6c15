import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { baseRules, type ToolResult, type World } from './world.js';

const ownRules = [
  {
    id: 'yours-to-confirm',
    effect: 'hold',
    reason: 'You confirm this yourself.',
    tools: ['truth/note'],
    when: [{ argument: '/text', is: 'like', value: 'mine*' }],
    approve: { requester_confirms: true, expires_s: 600 },
  },
];
const eras = ['modern', 'legacy'] as const;

/** Calls a tool with the official client of an era, whose user is sent to a page: `visit` is what happens then. */
async function call(w: World, era: (typeof eras)[number], text: string, visit: (url: string) => Promise<void>): Promise<ToolResult> {
  const endpoint = new URL(`${w.gateway.origin}/mcp`);
  const requestInit = { headers: { authorization: `Bearer ${w.keys.agent.presented}` } };
  const params = { name: 'truth__note', arguments: { text } };
  const answer = async ({ params: asked }: { params: object }): Promise<{ action: 'accept' }> => {
    await visit((asked as { url: string }).url);
    return { action: 'accept' };
  };
  const capabilities = { elicitation: { url: {} } };
  if (era === 'modern') {
    const client = new ModernClient({ name: 'e2e', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities });
    client.setRequestHandler('elicitation/create', answer);
    await client.connect(new ModernTransport(endpoint, { requestInit }));
    return client.callTool(params).finally(() => client.close()) as Promise<ToolResult>;
  }
  const client = new LegacyClient({ name: 'e2e', version: '1.0.0' }, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, answer);
  await client.connect(new LegacyTransport(endpoint, { requestInit }) as Parameters<LegacyClient['connect']>[0]);
  return client.callTool(params).finally(() => client.close()) as Promise<ToolResult>;
}

export function confirmations(world: () => World): void {
  const times = (marker: string): number => world().truth.seen.filter((seen) => seen.arguments['text'] === marker).length;
  const vote = (url: string, key: string) => world().ask('approval', 'POST', `/v1/approvals/${url.split('/').at(-1)}/votes`, { verdict: 'approve', reason: 'end-to-end' }, key);

  describe('a held call that whoever asked may confirm', () => {
    beforeAll(() => world().activate([...baseRules, ...ownRules]));
    afterAll(() => world().activate(baseRules));

    it.each(eras)('[held-call-confirmed] sends the person to the page with a %s client, and runs once when they have confirmed', async (era) => {
      const w = world();
      const marker = `mine ${era} ${Date.now()}`;
      let page = '';
      const first = await call(w, era, marker, async (url) => {
        page = url;
        expect(times(marker)).toBe(0);
        expect(await vote(url, w.keys.aliceApproves.presented)).toMatchObject({ status: 200, body: { decided_by: ['alice@example.com'] } });
      });
      expect(page).toMatch(/^https:\/\/approvals\.example\/approvals\/[0-9A-Z]{26}$/);
      // It may have been answered "pending" before the call had run; the identical call gets the outcome.
      const result = first.isError
        ? await w.eventually('the outcome is handed out', async () => {
            const again = await w.call('truth__note', { text: marker });
            return again.isError ? undefined : again;
          })
        : first;
      expect(result.content[0]?.text).toContain(marker);
      expect(times(marker)).toBe(1);
    });

    it.each(eras)('[held-call-confirmed-in-person] runs nothing by what the agent says itself, through a %s client or with a key of its own', async (era) => {
      const w = world();
      const marker = `mine alone ${era} ${Date.now()}`;
      const agents = await w.issue('reporter', 'alice@example.com', ['agent', 'approver']);
      const answers: { status: number; body: unknown }[] = [];
      let approval = '';
      const result = await call(w, era, marker, async (url) => {
        approval = url.split('/').at(-1)!;
        answers.push(await vote(url, w.keys.agent.presented));
        answers.push(await w.eventually('the second key of the agent is known', async () => vote(url, agents.presented).then((answer) => answer.status !== 401 && answer)));
      });
      expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('Approval pending') }] });
      expect(answers).toMatchObject([{ status: 403 }, { status: 403, body: { code: 'four-eyes' } }]);
      // Every call has to have its end when the four witnesses are compared.
      await w.must('approval', 'POST', `/v1/approvals/${approval}/cancel`, { reason: 'nobody confirmed it' });
      expect(times(marker)).toBe(0);
    });
  });
}
