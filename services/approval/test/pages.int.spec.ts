import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { BrowserPerson, type Page } from './browser-person.js';
import type { Gateway } from './gateway.js';
import { PageGateway } from './page-gateway.js';

jest.setTimeout(120_000);

let place: PageGateway;
let gateway: Gateway;
let home: string;

beforeAll(async () => {
  const approver = 'customhouse-approvers';
  place = await PageGateway.start({
    alice: [approver],
    bob: [approver, 'finance', 'oncall'],
    carol: [approver],
    dave: [approver, 'oncall'],
    erin: [approver],
    zoe: [approver, 'board'],
    mallory: ['sales'],
  });
  ({ gateway, home } = place);
});
afterAll(() => place?.stop());

const held = (options: Parameters<PageGateway['held']>[0] = {}) => place.held({ principal: { person: 'alice@example.com' }, ...options });
/** Ids of the requests that a page lists, in its order. */
const listed = ({ html }: Page): string[] => [...html.matchAll(/<th scope="row"><a href="\/approvals\/([^"]+)"/g)].map(([, id]) => id!);
const rowOf = ({ html }: Page, id: string): string => new RegExp(`<tr><th scope="row"><a href="/approvals/${id}".*?</tr>`, 's').exec(html)?.[0] ?? '';
const csrfIn = (page: Page): string => /name="csrf" value="([^"]+)"/.exec(page.html)![1]!;
const freshAt = (id: string): string => `${home}/approvals/login?fresh=true&back=/approvals/${id}`;

describe('the list of what waits', () => {
  it('has what this person decides about, the newest first, with what each waits for; the rest on demand', async () => {
    const mine = await held({ terms: { quorum: 2, groups: [{ group: 'finance', quorum: 1 }] }, args: { memo: 'secret-memo' } });
    const others = await held({ terms: { approvers: [{ groups: ['board'] }] } });
    const own = await held({ principal: { person: 'bob@example.com' } });
    const newest = await held({ aim: { method: 'tools/call', tool: '<b>rm</b>', definition: 'definition-1' } });
    const bob = new BrowserPerson('bob');
    const page = await bob.open(`${home}/approvals`);
    expect([page.status, page.url]).toEqual([200, `${home}/approvals`]);
    const ids = listed(page);
    expect(ids.filter((id) => [mine.id, others.id, own.id, newest.id].includes(id))).toEqual([newest.id, mine.id]);
    expect(rowOf(page, mine.id)).toContain('0 of 2 people have approved; of finance 0 of 1');
    expect(rowOf(page, mine.id)).toContain('you may decide');
    expect(rowOf(page, newest.id)).toContain('&lt;b&gt;rm&lt;/b&gt; on bank');
    // What would run is shown on the page of the request alone.
    expect(page.html).not.toContain('secret-memo');
    const all = await bob.open(`${home}/approvals?show=all`);
    expect(listed(all).filter((id) => [mine.id, others.id, own.id, newest.id].includes(id))).toEqual([newest.id, own.id, others.id, mine.id]);
    expect([rowOf(all, others.id).includes('others decide'), rowOf(all, own.id).includes('your own call')]).toEqual([true, true]);
    await bob.submit(await bob.open(mine.link), '/decision', { verdict: 'approve', reason: '' });
    expect(rowOf(await bob.open(`${home}/approvals`), mine.id)).toContain('you have approved');
    await gateway.vote(newest.id, 'erin', 'deny');
    expect(listed(await bob.open(`${home}/approvals`))).not.toContain(newest.id);
  });

  it('is shown in parts, none of which misses or repeats anything', async () => {
    const made: string[] = [];
    for (let count = 0; count < 5; count += 1) made.push((await held({ terms: { approvers: [{ people: ['carol@example.com'] }] } })).id);
    const carol = new BrowserPerson('carol');
    const seen: string[] = [];
    await carol.open(`${home}/approvals`);
    let page = await carol.open(`${home}/approvals?limit=2`);
    for (let parts = 0; parts < 20; parts += 1) {
      expect(listed(page).length).toBeLessThanOrEqual(2);
      seen.push(...listed(page));
      const next = /<a rel="next" href="([^"]+)"/.exec(page.html)?.[1];
      if (next === undefined) break;
      page = await carol.open(home + next.replaceAll('&amp;', '&'));
    }
    expect(seen.filter((id) => made.includes(id))).toEqual(made.toReversed());
    expect(new Set(seen).size).toBe(seen.length);
    const { items } = (await gateway.ask('GET', '/v1/approvals?status=open&limit=500', undefined, await gateway.approver('reader'))).body;
    expect(items.length).toBeGreaterThanOrEqual(seen.length);
  });

  it('goes on after very many that others decide about', async () => {
    const mine = await held({ terms: { approvers: [{ people: ['dave@example.com'] }] } });
    const others = await held({ terms: { approvers: [{ people: ['nobody@example.com'] }] } });
    // More than are passed over for one page, and newer than everything else.
    await gateway.sql(
      `insert into requests select (jsonb_populate_record(one, jsonb_build_object('approval', '7ZZZZZZZZZZZZZZZZZZZZZ' || lpad(n::text, 4, '0'), 'call', 'call-' || n))).*
       from requests as one, generate_series(1, 1001) as n where approval = $1`,
      [others.id],
    );
    try {
      const dave = new BrowserPerson('dave');
      const first = await dave.open(`${home}/approvals`);
      expect([listed(first), first.html.includes('Older ones may.')]).toEqual([[], true]);
      const next = /<a rel="next" href="([^"]+)"/.exec(first.html)![1]!.replaceAll('&amp;', '&');
      expect(next).toContain('before=7ZZZZZZZZZZZZZZZZZZZZZ0002');
      expect(listed(await dave.open(home + next))).toContain(mine.id);
    } finally {
      await gateway.sql(`delete from requests where approval like '7ZZZZZZZZZ%'`);
    }
  });

  it('counts what was delegated', async () => {
    const { id } = await held({ terms: { approvers: [{ groups: ['board'] }] } });
    const [zoe, erin] = [new BrowserPerson('zoe'), new BrowserPerson('erin')];
    expect(listed(await erin.open(`${home}/approvals`))).not.toContain(id);
    await zoe.submit(await zoe.open(`${home}/approvals/delegations`), '/approvals/delegations', { to: 'erin@example.com', amount: '2', unit: 'hours', reason: 'lunch' });
    expect(listed(await erin.open(`${home}/approvals`))).toContain(id);
  });

  it('is for approvers who are logged in, and its links are whole', async () => {
    for (const path of ['', '/reviews', '/delegations']) {
      const response = await fetch(`${home}/approvals${path}`, { redirect: 'manual' });
      expect([response.status, response.headers.get('location')]).toEqual([303, `/approvals/login?back=${encodeURIComponent(`/approvals${path}`)}`]);
    }
    const bob = new BrowserPerson('bob');
    await bob.open(`${home}/approvals`);
    for (const query of ['before=x', 'limit=0', 'limit=101', 'limit=x', 'show=other']) expect([query, (await bob.open(`${home}/approvals?${query}`)).status]).toEqual([query, 400]);
  });

  it('has for whoever is no approver what they may confirm, and nothing else', async () => {
    const principal = { person: 'mallory@example.com' };
    const confirmable = await place.held({ principal, terms: { requester_confirms: true } });
    await place.held({ principal });
    await held({ terms: { requester_confirms: true } });
    const mallory = new BrowserPerson('mallory');
    for (const path of ['reviews', 'delegations']) expect((await mallory.open(`${home}/approvals/${path}`)).status).toBe(403);
    for (const query of ['', '?show=all']) {
      const page = await mallory.open(`${home}/approvals${query}`);
      expect([page.status, listed(page)]).toEqual([200, [confirmable.id]]);
      expect(page.html).toContain('You decide about no calls of others');
      expect(page.html).not.toMatch(/href="\/approvals\/(?:reviews|delegations)"/);
    }
  });

  it('says which page it is, and can be skipped to, read and left without a mouse', async () => {
    const { html, headers } = await new BrowserPerson('bob').open(`${home}/approvals?show=all`);
    expect(html).toContain('<html lang="en">');
    expect(html).toContain('<a class="skip" href="#content">');
    expect(html).toContain('<a href="/approvals" aria-current="page">Waiting</a>');
    expect(html).toMatch(/<table><caption>[^<]+<\/caption><thead><tr><th scope="col">/);
    expect(html.match(/<h1>/g)).toHaveLength(1);
    expect(html).not.toContain('<script');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';/);
  });
});

describe('breaking the glass', () => {
  const terms = { quorum: 2, break_glass: { groups: ['oncall'] } };

  it('is offered to members of the groups that the rule names, and to nobody else', async () => {
    const { link } = await held({ terms });
    const without = await held();
    const own = await held({ terms, principal: { person: 'bob@example.com' } });
    const [bob, carol] = [new BrowserPerson('bob'), new BrowserPerson('carol')];
    expect((await bob.open(link)).html).toContain('Log in again to let it run alone');
    for (const page of [await carol.open(link), await bob.open(without.link), await bob.open(own.link)])
      expect([page.status, page.html.includes('In an emergency'), page.html.includes('/break-glass')]).toEqual([200, false, false]);
    for (const [person, at] of [
      [carol, link],
      [bob, own.link],
    ] as const) {
      const id = at.split('/').at(-1)!;
      const page = await person.open(freshAt(id));
      const { body } = await gateway.show(id);
      const forged = { csrf: csrfIn(page), reason: 'now', binding: body.binding, preview: body.preview };
      expect((await person.send(`${at}/break-glass`, forged)).status).toBe(403);
      expect((await gateway.show(id)).body).toMatchObject({ status: 'open', break_glass: null });
    }
  });

  it('takes a login made for it and a reason, and then somebody else reviews it', async () => {
    const { id, link } = await held({ terms });
    const bob = new BrowserPerson('bob');
    const stale = await bob.open(link);
    const { body } = await gateway.show(id);
    const fields = { csrf: csrfIn(stale), reason: 'payments stand still', binding: body.binding, preview: body.preview };
    const refused = await bob.send(`${link}/break-glass`, fields);
    expect([refused.status, refused.html.includes('<p class="notice" role="alert">This needs a login made for it')]).toEqual([403, true]);
    const page = await bob.open(freshAt(id));
    const silent = await bob.submit(page, '/break-glass', { reason: ' ' });
    expect([silent.status, silent.html.includes('A reason is needed')]).toEqual([400, true]);
    expect((await gateway.show(id)).body).toMatchObject({ status: 'open', break_glass: null });
    const after = await bob.submit(page, '/break-glass', { reason: 'payments stand still' });
    expect(after.html).toContain('by bob@example.com: payments stand still');
    expect(after.html).not.toContain('/review"');
    expect(await gateway.status(id, 'dispatching')).toMatchObject({ break_glass: { by: 'bob@example.com', reason: 'payments stand still', review: null } });
    const events = await gateway.tells(id, 'request.opened', 'glass.broken', 'request.granted', 'dispatcher.named');
    expect(events[1]!.data).toMatchObject({ by: 'bob@example.com', via: 'browser', fresh: true, groups: ['oncall'], preview: body.preview });

    const carol = new BrowserPerson('carol');
    const due = await carol.open(`${home}/approvals/reviews`);
    expect(rowOf(due, id)).toContain('payments stand still');
    expect(rowOf(due, id)).toContain('you may review it');
    expect(rowOf(await bob.open(`${home}/approvals/reviews`), id)).toContain('somebody else has to');
    const toReview = await carol.open(link);
    expect(toReview.html).toContain('<legend>Was it right to let this call run alone?</legend>');
    const forged = await bob.send(`${link}/review`, { csrf: csrfIn(await bob.open(link)), verdict: 'justified', comment: 'by myself' });
    expect(forged.status).toBe(403);
    const reviewed = await carol.submit(toReview, '/review', { verdict: 'unjustified', comment: 'it could\r\nwait' });
    expect(reviewed.html).toContain('unjustified, says carol@example.com: it could');
    expect((await gateway.show(id)).body.break_glass.review).toEqual({ by: 'carol@example.com', verdict: 'unjustified', comment: 'it could\nwait' });
    expect(listed(await carol.open(`${home}/approvals/reviews`))).not.toContain(id);
    expect(reviewed.html).not.toContain('/review"');
  });

  it('is not done by a form that another site sent', async () => {
    const { id } = await held({ terms });
    const dave = new BrowserPerson('dave');
    const page = await dave.open(freshAt(id));
    expect((await dave.submit(page, '/break-glass', { reason: 'x' }, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await dave.submit(page, '/break-glass', { reason: 'x', csrf: 'y' })).status).toBe(403);
    expect((await gateway.show(id)).body).toMatchObject({ status: 'open', break_glass: null });
  });
});

describe('the page of delegations', () => {
  const at = () => `${home}/approvals/delegations`;
  const give = async (person: BrowserPerson, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> =>
    person.submit(await person.open(at()), '/approvals/delegations', { amount: '3', unit: 'days', reason: '', ...fields }, headers);
  const delegations = (to: string) =>
    gateway.sql<{ delegation: string; giver: string; groups: string[]; revoked: Date | null; left_s: number }>(
      `select delegation, giver, groups, revoked, extract(epoch from expires - given)::float8 as left_s from delegations where taker = $1 order by delegation`,
      [to],
    );

  it('gives for a time, lists what is given and taken, and takes back', async () => {
    const dave = new BrowserPerson('dave');
    const given = await give(dave, { to: ' frank@example.com ', reason: 'holi<days>' });
    expect([given.status, given.url]).toEqual([200, at()]);
    expect(given.html).toContain('<th scope="row">frank@example.com</th>');
    expect(given.html).toContain('holi&lt;days&gt;');
    const [row] = await delegations('frank@example.com');
    expect(row).toMatchObject({ giver: 'dave@example.com', groups: ['customhouse-approvers', 'oncall'], revoked: null });
    expect(row!.left_s).toBeGreaterThan(2.9 * 86_400);
    expect(row!.left_s).toBeLessThanOrEqual(3 * 86_400 + 60);
    expect((await dave.send(`${at()}/x%00/withdraw`, { csrf: csrfIn(given) })).status).toBe(400);
    // Others neither see it nor take it back.
    const carol = new BrowserPerson('carol');
    const theirs = await carol.open(at());
    expect(theirs.html).not.toContain('frank@example.com');
    expect((await carol.send(`${at()}/${row!.delegation}/withdraw`, { csrf: csrfIn(theirs) })).status).toBe(403);
    const button = `aria-label="Take back what frank@example.com may decide for dave@example.com"`;
    expect(given.html).toContain(button);
    expect((await dave.submit(given, `${row!.delegation}/withdraw`, {}, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await delegations('frank@example.com'))[0]!.revoked).toBeNull();
    const after = await dave.submit(given, `${row!.delegation}/withdraw`);
    expect([after.html.includes('taken back'), after.html.includes(button)]).toEqual([true, false]);
    expect((await delegations('frank@example.com'))[0]!.revoked).not.toBeNull();
  });

  it.each([
    ['to oneself', { to: 'ERIN@example.com' }, 409, 'is yourself'],
    ['for longer than the setting says', { to: 'gina@example.com', amount: '31' }, 409, 'longer than 2592000 seconds'],
    ['to nobody', { to: '  ' }, 400, 'to: '],
    ['for no time', { to: 'gina@example.com', amount: '0' }, 403, 'Nothing was done'],
    ['in another unit', { to: 'gina@example.com', unit: 'years' }, 403, 'Nothing was done'],
    ['by a form of another login', { to: 'gina@example.com', csrf: 'x' }, 403, 'Nothing was done'],
  ])('gives nothing %s, and says why', async (_, fields, status, words) => {
    const page = await give(new BrowserPerson('erin'), fields);
    expect([page.status, page.html.includes(words)]).toEqual([status, true]);
    expect(await delegations('gina@example.com')).toEqual([]);
  });

  it('is shown in parts', async () => {
    const carol = new BrowserPerson('carol');
    for (const to of ['h1', 'h2', 'h3']) await give(carol, { to });
    const first = await carol.open(`${at()}?limit=2`);
    expect([...first.html.matchAll(/<th scope="row">(h\d)/g)].map(([, to]) => to)).toEqual(['h3', 'h2']);
    const next = /<a rel="next" href="([^"]+)"/.exec(first.html)![1]!.replaceAll('&amp;', '&');
    const second = await carol.open(home + next);
    expect([[...second.html.matchAll(/<th scope="row">(h\d)/g)].map(([, to]) => to), second.html.includes('rel="next"')]).toEqual([['h1'], false]);
  });
});
