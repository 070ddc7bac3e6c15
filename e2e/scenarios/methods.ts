import { describe, expect, it } from '@jest/globals';
import { baseRules, type World } from './world.js';

interface Request {
  readonly approval: string;
  readonly method: string;
  readonly tool: string;
}

const forbidden = 'demo://resource/static/document/features.md';
const shelfRules = [
  { id: 'shelf-is-read', effect: 'allow', reason: 'Reading is fine.', methods: ['prompts/get', 'resources/read', 'completion/complete'], tools: ['shelf/*'] },
  { id: 'not-the-features', effect: 'refuse', reason: 'Not that one.', methods: ['resources/read'], tools: [`shelf/${forbidden}`] },
  { id: 'ask-for-arguments', effect: 'hold', reason: 'Filled prompts need a second person.', methods: ['prompts/get'], tools: ['shelf/args-prompt'] },
];

export function methods(world: () => World): void {
  describe('what is no tool', () => {
    it('[governed-methods] is decided by the rules for its method, and found in the audit by it', async () => {
      const w = world();
      await furnished(w);
      // Other servers may have the same resources, and then each has another name where they share an endpoint.
      await w.withClient(
        async (client) => {
          const { resources } = await client.listResources();
          const uri = resources.find((resource) => resource.uri.startsWith('demo://resource/static/'))!.uri;
          expect(resources.map((resource) => resource.uri)).not.toContain(forbidden);
          expect((await client.readResource({ uri })).contents).toHaveLength(1);
          await expect(client.readResource({ uri: forbidden })).rejects.toMatchObject({ code: -31025, message: expect.stringContaining('Not that one. (rule not-the-features)') });
          await client.complete({ ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'department', value: 'E' } });
          const reads = await w.eventually('both readings are found', async () => {
            const found = await w.search({ server: 'shelf', method: 'resources/read' });
            return found.length === 2 && found.every(({ status }) => status !== 'admitted') && found;
          });
          expect(reads.map(({ tool, effect, status }) => ({ tool, effect, status }))).toEqual([
            { tool: forbidden, effect: 'refuse', status: 'refused' },
            { tool: uri, effect: 'allow', status: 'completed' },
          ]);
          const [completion] = await w.eventually('the completion is found', async () => {
            const found = await w.search({ server: 'shelf', method: 'completion/complete' });
            return found.length === 1 && found[0]!.status !== 'admitted' && found;
          });
          expect(completion).toMatchObject({ tool: 'completable-prompt', status: 'completed' });
        },
        { path: '/servers/shelf/mcp' },
      );
    }, 90_000);

    it('[held-prompt] is held where a rule says so, and runs once another person approved it', async () => {
      const w = world();
      await furnished(w);
      await w.withClient(async (client) => {
        const pending = client.getPrompt({ name: 'shelf__args-prompt', arguments: { city: 'Delft' } });
        pending.catch(() => undefined);
        const request = await w.eventually('the request is open', async () => {
          const { items } = await w.must<{ items: Request[] }>('approval', 'GET', '/v1/approvals?status=open&server=shelf', undefined, w.keys.bobApproves.presented);
          return items[0];
        });
        expect(request).toMatchObject({ method: 'prompts/get', tool: 'args-prompt' });
        const { rendering } = await w.must<{ rendering: string }>('approval', 'GET', `/v1/approvals/${request.approval}`, undefined, w.keys.bobApproves.presented);
        expect(rendering).toMatch(/^method: prompts\/get\nprompt: args-prompt\n/);
        expect(rendering).toContain('/arguments/city = "Delft"');
        await w.must('approval', 'POST', `/v1/approvals/${request.approval}/votes`, { verdict: 'approve', reason: 'end-to-end' }, w.keys.bobApproves.presented);
        expect(JSON.stringify((await pending).messages)).toContain('Delft');
      });
      await w.must('registry', 'DELETE', '/v1/servers/shelf');
      await w.activate([...baseRules]);
    }, 90_000);
  });
}

/** A server with prompts and resources, and rules for them. */
async function furnished(w: World): Promise<void> {
  const { items } = await w.must<{ items: { name: string }[] }>('registry', 'GET', '/v1/servers');
  if (items.some((server) => server.name === 'shelf')) return;
  await w.must('registry', 'POST', '/v1/servers', { name: 'shelf', transport: w.gateway.stdio('everything') });
  await w.activate([...baseRules, ...shelfRules]);
  await w.eventually('its resources and prompts are listed', async () =>
    w.withClient(
      async (client) => (await client.listResources()).resources.length > 0 && (await client.listPrompts()).prompts.some((prompt) => prompt.name === 'shelf__args-prompt'),
    ),
  );
}
