import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Gateway } from '../modes/gateway.js';
import { freePort } from '../modes/process.js';
import { Browser } from '../peers/browser.js';
import { Company } from '../peers/company.js';
import { TruthServer } from '../peers/truth.js';
import { hold } from './approvals.js';
import { World } from './world.js';

/** What people do on the page of the approval service, with the login of their company. */
export function page(mode: string, create: (settings: Record<string, string>) => Promise<Gateway>, start_ms: number): void {
  describe(`a held call on the page for deciding, in the mode "${mode}"`, () => {
    let home: string;
    let company: Company | undefined;
    let truth: TruthServer | undefined;
    let gateway: Gateway | undefined;
    let world: World;

    beforeAll(async () => {
      const port = await freePort();
      home = `http://127.0.0.1:${port}`;
      company = await Company.start(home);
      truth = await TruthServer.start();
      gateway = await create({ CUSTOMHOUSE_API_PORT: String(port), CUSTOMHOUSE_APPROVAL_PUBLIC_URL: home, ...company.settings });
      world = new World(gateway, truth);
      await world.furnish();
    }, start_ms);

    afterAll(async () => {
      await gateway?.destroy();
      await truth?.close();
      await company?.close();
    }, 120_000);

    const times = (marker: string): number => truth!.seen.filter((seen) => seen.arguments['text'] === marker).length;

    it('[held-call-page] runs once after somebody approved on the page what is shown there', async () => {
      const marker = `on the page <b>${Date.now()}</b>`;
      const { pending, request } = await hold(world, marker);
      const bob = new Browser('bob');
      const shown = await bob.open(`${home}/approvals/${request.approval}`);
      expect(shown.status).toBe(200);
      expect(shown.html).toContain(`/text = &quot;${marker.replaceAll('<', '&lt;').replaceAll('>', '&gt;')}&quot;`);
      expect((await bob.submit(shown, '/decision', { verdict: 'approve', reason: 'seen on the page' })).status).toBe(200);
      await world.eventually('the upstream saw it', async () => times(marker) === 1, 60_000);
      await pending;
      await world.eventually('the call is in the audit', async () => (await world.search({ status: 'completed', tool: 'act' })).some((row) => row.call === request.call), 60_000);
      expect(times(marker)).toBe(1);
    }, 180_000);

    it('[held-call-page] is not decided there by the person for whom it would be made', async () => {
      const marker = `by herself ${Date.now()}`;
      const { pending, request } = await hold(world, marker);
      const alice = new Browser('alice');
      const shown = await alice.open(`${home}/approvals/${request.approval}`);
      expect(shown.html).toContain('<h2>Decide</h2>');
      expect(shown.html).not.toContain('value="approve"');
      const { body } = await world.ask('approval', 'GET', `/v1/approvals/${request.approval}`, undefined, world.keys.bobApproves.presented);
      expect(body).toMatchObject({ status: 'open', approvers: [] });
      expect(times(marker)).toBe(0);
      await world.must('approval', 'POST', `/v1/approvals/${request.approval}/votes`, { verdict: 'deny', reason: 'not this one' }, world.keys.bobApproves.presented);
      await pending;
    }, 180_000);
  });
}
