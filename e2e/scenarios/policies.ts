import { describe, expect, it } from '@jest/globals';
import { hold } from './approvals.js';
import { baseRules, type ToolResult, type World } from './world.js';

interface Explanation {
  readonly recorded: { effect: string; rules: { id: string }[] };
  readonly again: { effect: string; rules: { id: string }[] } | null;
  readonly same: boolean | null;
  readonly problem: string | null;
}

interface Report {
  readonly calls: number;
  readonly changes: { newly_refused: { calls: number; examples: { call: string }[] } };
}

const callOf = (result: ToolResult): string => (result._meta?.['customhouse/receipt'] as { call: string }).call;
const rulesOf = (result: ToolResult): string[] | undefined => (result._meta?.['customhouse/decision'] as { rules: string[] } | undefined)?.rules;

const shouting = `package customhouse.custom

arguments contains "/text"

fired contains {"id": "no-shouting", "effect": "refuse", "reason": "Nobody shouts here."} if {
	input.tool == "note"
	text := input.arguments["/text"]
	text == upper(text)
}
`;

const shoutingTest = (text: string): string => `package customhouse.custom_test

import data.customhouse.custom

test_no_shouting if {
	some rule in custom.fired with input as {"tool": "note", "arguments": {"/text": "${text}"}}
	rule.id == "no-shouting"
}
`;

/** Stores rules under which nobody may write notes, and does not activate them. */
async function strictDraft(w: World): Promise<number> {
  const rules = [...baseRules, { id: 'no-notes', effect: 'refuse', reason: 'No notes any more.', tools: ['truth/note'] }];
  return (await w.must<{ number: number }>('policy', 'POST', '/v1/policy/versions', { rules: { version: 1, rules }, note: 'on trial' })).number;
}

export function policies(world: () => World): void {
  describe('a policy in Rego', () => {
    it('[policy-rego] refuses what its own Rego says, with nothing installed, and is not stored when its test fails', async () => {
      const w = world();
      const rules = { version: 1, rules: baseRules };
      const testedWith = (text: string): Record<string, string> => ({ 'shouting.rego': shouting, 'shouting_test.rego': shoutingTest(text) });
      const failing = await w.ask('policy', 'POST', '/v1/policy/versions', { rules, modules: testedWith('quiet') });
      expect(failing).toMatchObject({ status: 422, body: { code: 'cases-failed' } });
      const broken = await w.ask('policy', 'POST', '/v1/policy/versions', { rules, modules: { 'broken.rego': 'package customhouse.custom\n\nfired contains' } });
      expect(broken).toMatchObject({ status: 422, body: { code: 'invalid-rules' } });
      expect(JSON.stringify(broken.body)).toContain('broken.rego');
      const { number } = await w.must<{ number: number }>('policy', 'POST', '/v1/policy/versions', { rules, modules: testedWith('LOUD') });
      await w.must('policy', 'POST', `/v1/policy/versions/${number}/activate`, {});
      try {
        const refused = await w.eventually('the version decides', async () => {
          const answer = await w.call('truth__note', { text: 'LOUD' });
          return answer.isError === true && answer;
        });
        expect(rulesOf(refused)).toContain('no-shouting');
        expect(refused.content[0]?.text).toContain('Nobody shouts here.');
        expect((await w.call('truth__note', { text: 'quiet' })).isError).toBeFalsy();
      } finally {
        await w.activate([...baseRules]);
      }
    }, 90_000);
  });

  describe('a policy on trial', () => {
    it('[policy-explanation] a decision is made again from its record, and is the same', async () => {
      const w = world();
      const allowed = callOf(await w.call('truth__note', { text: 'explain me' }));
      const refused = (await w.call('truth__note', { text: 'about the vault' }))._meta?.['customhouse/decision'] as { call: string };
      for (const [call, effect] of [
        [allowed, 'allow'],
        [refused.call, 'refuse'],
      ] as const) {
        const explanation = await w.eventually('the call can be explained', async () => {
          const answer = await w.ask('policy', 'GET', `/v1/policy/explanations/${call}`, undefined, w.keys.auditor.presented);
          return answer.status === 200 && (answer.body as Explanation);
        });
        expect(explanation).toMatchObject({ recorded: { effect }, same: true, problem: null });
        expect(explanation.again).toEqual(explanation.recorded);
      }
    });

    it('[policy-simulation] is run over the calls that were recorded, and says which would come out differently', async () => {
      const w = world();
      const since = new Date().toISOString();
      const call = callOf(await w.call('truth__note', { text: 'simulate me' }));
      const version = await strictDraft(w);
      const report = await w.eventually('a simulation finds the call', async () => {
        const { id } = await w.must<{ id: string }>('policy', 'POST', '/v1/policy/simulations', { version, since });
        const ended = await w.eventually('the simulation ends', async () => {
          const now = await w.must<{ state: string; problem: string | null; report: Report | null }>('policy', 'GET', `/v1/policy/simulations/${id}`);
          return now.state !== 'running' && now;
        });
        expect(ended).toMatchObject({ state: 'finished', problem: null });
        return ended.report!.changes.newly_refused.examples.some((example) => example.call === call) && ended.report!;
      });
      expect(report.changes.newly_refused.calls).toBeLessThanOrEqual(report.calls);
      // Nothing of it was done.
      expect((await w.call('truth__note', { text: 'still allowed' })).isError).toBeFalsy();
    }, 90_000);

    it('[policy-shadow] runs beside the active one, and counts what it would have decided differently', async () => {
      const w = world();
      const version = await strictDraft(w);
      await w.must('policy', 'POST', '/v1/policy/shadow', { version });
      try {
        const call = callOf(await w.call('truth__note', { text: 'in the shadow' }));
        await w.eventually('the shadow saw the call', async () => {
          const { report } = await w.must<{ report: Report }>('policy', 'GET', '/v1/policy/shadow');
          return report.changes.newly_refused.examples.some((example) => example.call === call);
        });
      } finally {
        await w.must('policy', 'DELETE', '/v1/policy/shadow');
      }
    }, 60_000);
  });

  describe('a stop', () => {
    const stop = (w: World, path: string, kind: string, name: string): Promise<unknown> => w.must('policy', 'POST', path, { kind, name, reason: 'end-to-end' });

    it('[kill-switch] refuses what an agent asks, until it is lifted', async () => {
      const w = world();
      await stop(w, '/v1/policy/stops', 'agent', 'reporter');
      try {
        const refused = await w.eventually('the agent is stopped', async () => {
          const answer = await w.call('truth__note', { text: 'stopped?' });
          return answer.isError === true && answer;
        });
        expect(rulesOf(refused)).toEqual(['stopped']);
      } finally {
        await stop(w, '/v1/policy/stops/lift', 'agent', 'reporter');
      }
      await w.eventually('the agent goes on', async () => !(await w.call('truth__note', { text: 'goes on' })).isError);
    }, 60_000);

    it('[kill-switch-held] keeps a held call from being sent, though a person approves it', async () => {
      const w = world();
      const marker = `stopped ${Date.now()}`;
      const { request } = await hold(w, marker);
      await stop(w, '/v1/policy/stops', 'tool', 'truth/act');
      try {
        await w.eventually('the stop is known', async () => rulesOf(await w.call('truth__act', { text: `another ${marker}` }))?.includes('stopped'));
        await w.must('approval', 'POST', `/v1/approvals/${request.approval}/votes`, { verdict: 'approve', reason: 'end-to-end' }, w.keys.bobApproves.presented);
        await w.eventually('the call was denied', async () => {
          const answer = await w.ask('audit', 'GET', `/v1/calls/${request.call}`, undefined, w.keys.auditor.presented);
          return answer.status === 200 && JSON.stringify(answer.body).includes('"stopped"');
        });
        expect(w.truth.seen.filter((seen) => seen.arguments['text'] === marker)).toEqual([]);
      } finally {
        await stop(w, '/v1/policy/stops/lift', 'tool', 'truth/act');
      }
    }, 60_000);
  });
}
