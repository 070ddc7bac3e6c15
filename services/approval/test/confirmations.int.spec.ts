import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { BrowserPerson } from './browser-person.js';
import type { Gateway } from './gateway.js';
import { PageGateway } from './page-gateway.js';

jest.setTimeout(120_000);

let place: PageGateway;
let gateway: Gateway;

/** Alice and Mallory approve nothing of others; their agent is called claude. */
beforeAll(async () => {
  place = await PageGateway.start({ alice: ['sales'], mallory: ['sales'], bob: ['customhouse-approvers'] });
  ({ gateway } = place);
});
afterAll(() => place?.stop());

const held = (terms: object = { requester_confirms: true }) =>
  place.held({ principal: { agent: 'claude', person: 'alice@example.com' }, terms: { quorum: 1, expires_s: 3600, ...terms } });
const csrfIn = ({ html }: { html: string }): string => /name="csrf" value="([^"]+)"/.exec(html)![1]!;
const undecided = async (id: string) => expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: [] });

describe('whoever asked for a call that they may confirm', () => {
  it('lets it run on the page, with a login made for it, and needs to be no approver', async () => {
    const { id, link } = await held();
    const alice = new BrowserPerson('alice');
    const page = await alice.open(link);
    expect([page.status, page.html.includes('Log in again to approve'), page.html.includes('value="approve"')]).toEqual([200, true, false]);
    const again = await alice.open(new URL(/href="(\/approvals\/login\?fresh=true[^"]*)"/.exec(page.html)![1]!.replaceAll('&amp;', '&'), link).href);
    const after = await alice.submit(again, '/decision', { verdict: 'approve', reason: 'mine' });
    expect([after.status, after.html.includes('1 of 1 person has approved (alice@example.com)')]).toEqual([200, true]);
    expect(await gateway.status(id, 'dispatching')).toMatchObject({ decided_by: ['alice@example.com'] });
    const [, cast] = await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
    expect(cast!.data).toMatchObject({ by: 'alice@example.com', via: 'browser', fresh: true });
  });

  it('does not without that login, whatever form is sent', async () => {
    const { id, link, held: data } = await held();
    const alice = new BrowserPerson('alice');
    const page = await alice.open(link);
    const form = { csrf: csrfIn(page), verdict: 'approve', reason: '', binding: data.approval.binding, preview: (await gateway.show(id)).body.preview };
    const after = await alice.send(`${link}/decision`, form);
    expect([after.status, after.html.includes('asked for this call, and confirms it with a login made for it')]).toEqual([403, true]);
    await undecided(id);
  });

  it('keeps it from running without any', async () => {
    const { id, link } = await held();
    const alice = new BrowserPerson('alice');
    await alice.submit(await alice.open(link), '/decision', { verdict: 'deny', reason: 'not what I said' });
    expect(await gateway.status(id, 'denied')).toMatchObject({ decided_by: ['alice@example.com'], decision: 'not what I said' });
  });

  it('decides about nothing else: neither where a rule wants four eyes, nor about what others asked for', async () => {
    const own = await held();
    const alice = new BrowserPerson('alice');
    const csrf = csrfIn(await alice.open(own.link));
    for (const request of [await held({}), await place.held({ principal: { person: 'bob@example.com' }, terms: { quorum: 1, expires_s: 3600, requester_confirms: true } })]) {
      const page = await alice.open(request.link);
      expect([page.status, page.html.includes('transfer')]).toEqual([403, false]);
      const { preview } = (await gateway.show(request.id)).body;
      for (const [action, fields] of [
        ['decision', { verdict: 'approve', reason: '' }],
        ['decision', { verdict: 'deny', reason: '' }],
        ['break-glass', { reason: 'now' }],
        ['review', { verdict: 'justified', comment: '' }],
      ] as const)
        expect((await alice.send(`${request.link}/${action}`, { csrf, binding: request.held.approval.binding, preview, ...fields })).status).toBe(403);
      await undecided(request.id);
    }
    for (const path of ['/approvals/reviews', '/approvals/delegations']) expect((await alice.open(`${place.home}${path}`)).status).toBe(403);
  });

  it('is who may confirm it: nobody else who approves nothing', async () => {
    const { id, link } = await held();
    const page = await new BrowserPerson('mallory').open(link);
    expect([page.status, page.html.includes('transfer')]).toEqual([403, false]);
    await undecided(id);
  });

  it('may leave it to an approver', async () => {
    const { id, link } = await held();
    const bob = new BrowserPerson('bob');
    await bob.submit(await bob.open(link), '/decision', { verdict: 'approve', reason: '' });
    expect(await gateway.status(id, 'dispatching')).toMatchObject({ decided_by: ['bob@example.com'] });
  });
});

describe('the agent that asked', () => {
  const vote = (id: string, key: string) => gateway.ask('POST', `/v1/approvals/${id}/votes`, { verdict: 'approve', reason: 'I am sure she would' }, key);

  it('lets nothing run by a key of its own, in whoever’s name and with whatever role', async () => {
    const { id } = await held();
    const agent = await gateway.key('alice@example.com', ['agent'], { agent: 'claude' });
    expect((await vote(id, agent)).status).toBe(403);
    for (const person of ['alice@example.com', 'bob@example.com', 'claude']) {
      const key = await gateway.key(person, ['agent', 'approver'], { agent: 'Claude' });
      expect(await vote(id, key)).toMatchObject({ status: 403, body: { code: 'four-eyes', detail: expect.stringContaining('use another key') } });
    }
    await undecided(id);
    const hers = await gateway.key('alice@example.com', ['approver'], { agent: 'console' });
    expect(await vote(id, hers)).toMatchObject({ status: 200, body: { decided_by: ['alice@example.com'] } });
  });
});
