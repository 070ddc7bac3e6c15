import { describe, expect, it } from '@jest/globals';
import { baseRules, type World } from './world.js';

async function statusWith(w: World, key: string | undefined): Promise<{ status: number; text: string; challenge: string | null }> {
  const response = await fetch(`${w.gateway.origin}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'e2e', version: '1' } } }),
  });
  return { status: response.status, text: await response.text(), challenge: response.headers.get('www-authenticate') };
}

export function identity(world: () => World): void {
  describe('an API key', () => {
    it('[api-key] that is wrong, revoked or expired is refused with the reason, and never repeated', async () => {
      const w = world();
      const wrong = `chk_nosuchkey_${'A'.repeat(43)}`;
      const unknown = await statusWith(w, wrong);
      expect(unknown.status).toBe(401);
      expect(unknown.challenge).toMatch(/^Bearer/);
      expect(unknown.text).not.toContain(wrong);

      const revoked = await w.issue('shortlived', 'dave@example.com', ['agent']);
      await w.eventually('the new key works', async () => (await statusWith(w, revoked.presented)).status === 200);
      await w.must('registry', 'DELETE', `/v1/keys/${revoked.id}`);
      const refused = await w.eventually('the revoked key is refused', async () => {
        const answer = await statusWith(w, revoked.presented);
        return answer.status === 401 ? answer : undefined;
      });
      expect(refused.text).toContain('revoked');

      const expiring = await w.issue('shortlived', 'dave@example.com', ['agent'], new Date(Date.now() + 3000).toISOString());
      await w.eventually('the expiring key works', async () => (await statusWith(w, expiring.presented)).status === 200, 2500);
      const expired = await w.eventually('the key has expired', async () => {
        const answer = await statusWith(w, expiring.presented);
        return answer.status === 401 ? answer : undefined;
      });
      expect(expired.text).toContain('expired');
    });

    it('[api-key] without the agent role cannot make calls, and an agent cannot administer', async () => {
      const w = world();
      expect((await statusWith(w, w.keys.auditor.presented)).status).toBe(403);
      expect((await w.ask('registry', 'GET', '/v1/keys', undefined, w.keys.agent.presented)).status).toBe(403);
      expect((await w.ask('audit', 'GET', '/v1/calls', undefined, 'not-a-key')).status).toBe(401);
    });
  });

  describe('a policy', () => {
    it('[policy-activation] decides the next calls when it is activated, and the decision names its version', async () => {
      const w = world();
      const number = await w.activate([...baseRules, { id: 'no-notes-today', effect: 'refuse', reason: 'Not today.', tools: ['truth/note'] }]);
      const result = await w.call('truth__note', { text: 'hello' });
      expect(result.isError).toBe(true);
      const { call } = result._meta?.['customhouse/decision'] as { call: string };
      const timeline = await w.eventually('the refusal is in the audit', async () => {
        const answer = await w.ask('audit', 'GET', `/v1/calls/${call}`, undefined, w.keys.auditor.presented);
        return answer.status === 200 ? JSON.stringify(answer.body) : undefined;
      });
      expect(timeline).toContain('no-notes-today');
      expect(timeline).toContain(`"number":${number}`);
      await w.activate(baseRules);
      expect((await w.call('truth__note', { text: 'again' })).isError ?? false).toBe(false);
    });

    it('[bad-input] that is not well-formed is refused with the place of every mistake', async () => {
      const w = world();
      const answer = await w.ask('policy', 'POST', '/v1/policy/versions', { rules: { version: 1, rules: [{ id: 'Not Kebab', effect: 'perhaps', tools: [] }] }, note: '' });
      expect([400, 422]).toContain(answer.status);
      expect(JSON.stringify(answer.body)).toContain('kebab-case');
      expect(JSON.stringify(answer.body)).toContain('effect');
    });
  });
}
