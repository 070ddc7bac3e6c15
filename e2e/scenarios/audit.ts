import { describe, expect, it } from '@jest/globals';
import type { World } from './world.js';

export function audit(world: () => World): void {
  describe('the audit', () => {
    it('[audit-search] finds a call by agent, person, tool, server, decision and text, page by page', async () => {
      const w = world();
      const searcher = await w.issue('searched-agent', 'erin@example.com', ['agent']);
      await w.eventually('the new key works', async () => w.call('truth__note', { text: 'one' }, { key: searcher.presented }));
      for (const text of ['two', 'three']) await w.call('truth__note', { text }, { key: searcher.presented });
      await w.call('truth__note', { text: 'the vault' }, { key: searcher.presented });
      await w.eventually('all four are projected', async () => (await w.search({ agent: 'searched-agent' })).length === 4);
      expect(await w.search({ person: 'erin@example.com' })).toHaveLength(4);
      expect(await w.search({ agent: 'searched-agent', server: 'truth', tool: 'note', effect: 'allow' })).toHaveLength(3);
      expect(await w.search({ agent: 'searched-agent', text: 'no-secrets-in-notes' })).toHaveLength(1);
      expect(await w.search({ agent: 'searched-agent', tool: 'nothing' })).toEqual([]);

      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await w.must<{ items: { call: string }[]; next: string | null }>(
          'audit',
          'GET',
          `/v1/calls?${new URLSearchParams({ agent: 'searched-agent', limit: '3', ...(cursor ? { cursor } : {}) })}`,
          undefined,
          w.keys.auditor.presented,
        );
        seen.push(...page.items.map((row) => row.call));
        cursor = page.next ?? undefined;
      } while (cursor);
      expect(seen).toHaveLength(4);
      expect(new Set(seen).size).toBe(4);
    });

    it('[audit-export] exports every call as JSON Lines', async () => {
      const w = world();
      const { call } = (await w.call('truth__note', { text: 'for the export' }))._meta?.['customhouse/receipt'] as { call: string };
      const lines = await w.eventually('the call is exported', async () => {
        const response = await fetch(`${w.gateway.api('audit')}/v1/calls/export`, { headers: { authorization: `Bearer ${w.keys.auditor.presented}` } });
        expect(response.headers.get('content-type')).toContain('application/jsonl');
        const exported = (await response.text())
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { call: string });
        return exported.some((row) => row.call === call) ? exported : undefined;
      });
      const logged = new Set<string>();
      for (const record of await w.gateway.rawLog()) {
        if (record.topic !== 'customhouse.calls' || record.value === null) continue;
        const event = JSON.parse(record.value) as { type: string; data: { call: string } };
        if (/call\.(admitted|held|refused)/.test(event.type)) logged.add(event.data.call);
      }
      const exported = new Set(lines.map((row) => row.call));
      expect([...logged].filter((id) => !exported.has(id))).toEqual([]);
    });

    it('[siem-topic] publishes an OCSF record for every call, without arguments or results', async () => {
      const w = world();
      const secret = `guava-${Date.now()}`;
      const { call } = (await w.call('truth__note', { text: secret }))._meta?.['customhouse/receipt'] as { call: string };
      const record = await w.eventually('the record is on the topic', async () => {
        const found = (await w.gateway.rawLog()).find((candidate) => candidate.topic === 'customhouse.audit.ocsf' && candidate.key === call);
        return found?.value ? (JSON.parse(found.value) as Record<string, unknown>) : undefined;
      });
      expect(record).toMatchObject({
        class_uid: 6003,
        category_uid: 6,
        metadata: expect.objectContaining({ version: '1.9.0' }),
        api: expect.objectContaining({ operation: 'tools/call' }),
      });
      expect(JSON.stringify(record)).not.toContain(secret);
    });
  });
}
