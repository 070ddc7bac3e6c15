import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { BrowserPerson, type Page } from './browser-person.js';
import type { CompanyLogin } from './company-login.js';
import type { Gateway } from './gateway.js';
import { PageGateway } from './page-gateway.js';

jest.setTimeout(120_000);

let place: PageGateway;
let gateway: Gateway;
let company: CompanyLogin;
let home: string;

beforeAll(async () => {
  const approver = ['customhouse-approvers', 'finance'];
  place = await PageGateway.start({ alice: approver, bob: approver, carol: approver, mallory: ['sales'] });
  ({ gateway, company, home } = place);
  company.people.set('eve', { email: 'bob@example.com', groups: ['customhouse-approvers'], email_verified: false });
});
afterAll(() => place?.stop());

const held = (options: Parameters<PageGateway['held']>[0] = {}) => place.held({ principal: { person: 'alice@example.com' }, ...options });
const decide = (person: BrowserPerson, page: Page, verdict: string, reason = 'looks right'): Promise<Page> => person.submit(page, '/decision', { verdict, reason });
const csrfIn = (page: Page): string => /name="csrf" value="([^"]+)"/.exec(page.html)![1]!;
const undecided = async (id: string) => expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: [] });

describe('the page of a request', () => {
  it('shows whoever logs in what would run, and takes their decision', async () => {
    const { id, link, held: data } = await held({ args: { to: '<script>alert(1)</script>', memo: 'rent\u202E' } });
    const bob = new BrowserPerson('bob');
    const page = await bob.open(link);
    expect(page).toMatchObject({ status: 200, url: link });
    const { body } = await gateway.show(id);
    expect(page.html).toContain('/to = &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;');
    expect(page.html).toContain('/memo = &quot;rent\\u{202E}&quot;');
    expect(page.html).not.toContain('<script');
    const after = await decide(bob, page, 'approve');
    expect(after).toMatchObject({ status: 200, url: link });
    expect(after.html).toContain('1 of 1 person has approved (bob@example.com)');
    expect(await gateway.status(id, 'dispatching')).toMatchObject({ decided_by: ['bob@example.com'], binding: data.approval.binding });
    const events = await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
    expect(events[1]!.data).toMatchObject({ by: 'bob@example.com', via: 'browser', fresh: false, preview: body.preview, reason: 'looks right', groups: [] });
  });

  it('may not be framed, cached or made to load or run anything', async () => {
    const { link } = await held();
    const { headers, status } = await new BrowserPerson('bob').open(link);
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('same-origin');
  });

  it('shows nothing without a login, and nothing to who is no approver', async () => {
    const { id, link } = await held();
    const response = await fetch(link, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([303, `/approvals/login?back=${encodeURIComponent(`/approvals/${id}`)}`]);
    const page = await new BrowserPerson('mallory').open(link);
    expect([page.status, page.html.includes('transfer')]).toEqual([403, false]);
    expect(page.html).toContain('not say that you are in the group customhouse-approvers');
  });

  it('lets nobody in by a mail address that is not verified', async () => {
    const { link } = await held();
    const page = await new BrowserPerson('eve').open(link);
    expect([page.status, page.html.includes('not verified')]).toEqual([403, true]);
  });

  it('lets nobody decide the own call, with the form or without', async () => {
    const { id, link, held: data } = await held();
    const person = new BrowserPerson('alice');
    const page = await person.open(link);
    expect([page.html.includes('/decision"'), page.html.includes('asked for this call, so somebody else has to decide')]).toEqual([false, true]);
    const forged = { csrf: csrfIn(page), verdict: 'approve', reason: '', binding: data.approval.binding, preview: (await gateway.show(id)).body.preview };
    const after = await person.send(`${link}/decision`, forged);
    expect([after.status, after.html.includes('Somebody else has to decide')]).toEqual([403, true]);
    await undecided(id);
  });

  it('lets whoever asked withdraw it, and nobody else', async () => {
    const { id, link } = await held();
    const bob = new BrowserPerson('bob');
    const page = await bob.open(link);
    expect(page.html).not.toContain('/cancel"');
    expect((await bob.send(`${link}/cancel`, { csrf: csrfIn(page), reason: '' })).status).toBe(403);
    await undecided(id);
    const alice = new BrowserPerson('alice');
    const after = await alice.submit(await alice.open(link), '/cancel', { reason: 'sent it by hand' });
    expect([after.status, after.html.includes('sent it by hand')]).toEqual([200, true]);
    expect(await gateway.status(id, 'cancelled')).toMatchObject({ decided_by: ['alice@example.com'], decision: 'sent it by hand' });
  });

  it('says how many of how many people have approved, and lets whoever has deny while others have not', async () => {
    const { id, link } = await held({ terms: { quorum: 2, groups: [{ group: 'finance', quorum: 1 }] } });
    const bob = new BrowserPerson('bob');
    const first = await bob.open(link);
    expect(first.html).toContain('<dd>0 of 2 people have approved; of finance 0 of 1</dd>');
    const second = await decide(bob, first, 'approve');
    expect(second.html).toContain('<dd>1 of 2 people have approved (bob@example.com); of finance 1 of 1</dd>');
    expect(second.html).toContain('You have approved');
    await decide(bob, second, 'deny', 'looked again');
    expect(await gateway.status(id, 'denied')).toMatchObject({ decision: 'looked again' });
  });

  it('says who is asked where others decide', async () => {
    const { link } = await held({ terms: { approvers: [{ people: ['zoe'], groups: ['board'] }], escalate: { after_s: 3600, groups: ['security'] } } });
    const { html } = await new BrowserPerson('bob').open(link);
    expect(html).toContain('among zoe, members of board; after 3600 s also members of security');
    expect([html.includes('The rules ask others to decide'), html.includes('/decision"')]).toEqual([true, false]);
  });

  it('takes a denial with its reason', async () => {
    const { id, link } = await held();
    const bob = new BrowserPerson('bob');
    await decide(bob, await bob.open(link), 'deny', 'not this month\r\nask Carol');
    expect(await gateway.status(id, 'denied')).toMatchObject({ decision: 'not this month\nask Carol', decided_by: ['bob@example.com'] });
  });

  it('decides nothing by a form that another site sent, or that was made for another login', async () => {
    const { id, link } = await held();
    const bob = new BrowserPerson('bob');
    const page = await bob.open(link);
    const carol = new BrowserPerson('carol');
    const other = await carol.open(link);
    const fields = { verdict: 'approve', reason: '' };
    expect((await bob.submit(page, '/decision', fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await bob.submit(page, '/decision', fields, { origin: 'null' })).status).toBe(403);
    expect((await bob.submit(page, '/decision', { ...fields, csrf: 'x' })).status).toBe(403);
    expect((await bob.submit(other, '/decision', fields)).status).toBe(403);
    await undecided(id);
  });

  it('decides nothing when what was shown is not what would run', async () => {
    const { id, link } = await held();
    const bob = new BrowserPerson('bob');
    const page = await bob.open(link);
    const after = await bob.submit(page, '/decision', { verdict: 'approve', reason: '', binding: 'another' });
    expect([after.status, after.html.includes('The request is about another call')]).toEqual([409, true]);
    await undecided(id);
  });

  it('answers for a request that there is not, or that is decided', async () => {
    const bob = new BrowserPerson('bob');
    for (const unknown of ['01K00000000000000000000000', 'x', '%00', '%ED%A0%80'])
      expect([unknown, (await bob.open(`${home}/approvals/${unknown}`)).status]).toEqual([unknown, unknown === '%ED%A0%80' ? 400 : 404]);
    const { id, link } = await held();
    const page = await bob.open(link);
    await gateway.vote(id, 'zoe', 'deny');
    const after = await decide(bob, page, 'approve');
    expect([after.status, after.html.includes('The request is decided')]).toEqual([409, true]);
    expect(after.html).not.toContain('/decision"');
  });

  it('ends with a log-out', async () => {
    const { link } = await held();
    const bob = new BrowserPerson('bob');
    const page = await bob.open(link);
    const cookie = bob.cookies(link);
    expect((await bob.submit(page, '/logout')).html).toContain('Logged out');
    expect((await fetch(link, { redirect: 'manual', headers: { cookie } })).status).toBe(303);
  });
});

describe('a call that needs a fresh login', () => {
  const terms = { fresh_login: true };

  it('is approved only with a login that was made for it', async () => {
    const { id, link } = await held({ terms });
    const bob = new BrowserPerson('bob');
    const page = await bob.open(link);
    expect(page.html).not.toContain('value="approve"');
    const forced = await decide(bob, page, 'approve');
    expect([forced.status, forced.html.includes('This needs a login made for it')]).toEqual([403, true]);
    const again = await bob.open(`${home}/approvals/login?fresh=true&back=${encodeURIComponent(`/approvals/${id}`)}`);
    expect(again.html).toContain('value="approve"');
    await decide(bob, again, 'approve');
    await gateway.status(id, 'dispatching');
    const events = await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
    expect(events[1]!.data).toMatchObject({ by: 'bob@example.com', fresh: true, via: 'browser' });
  });

  it('is not approved with a login that was made for another call', async () => {
    const one = await held({ terms });
    const other = await held({ terms });
    const bob = new BrowserPerson('bob');
    await bob.open(`${home}/approvals/login?fresh=true&back=${encodeURIComponent(`/approvals/${one.id}`)}`);
    const page = await bob.open(other.link);
    expect(page.html).not.toContain('value="approve"');
    expect((await decide(bob, page, 'approve')).status).toBe(403);
    await undecided(other.id);
  });

  it('is denied without one', async () => {
    const { id, link } = await held({ terms });
    const bob = new BrowserPerson('bob');
    await decide(bob, await bob.open(link), 'deny');
    await gateway.status(id, 'denied');
  });
});

describe('a session', () => {
  const short = 60;
  it.each([
    ['ends by itself, and a form that was open decides nothing any more', `expires = clock_timestamp()`],
    ['lasts until then', `expires = clock_timestamp() + interval '5 minutes'`],
  ])('%s', async (_, change) => {
    const { id, link } = await held();
    const bob = new BrowserPerson('bob');
    const page = await bob.open(link);
    const cookie = bob.cookies(link);
    await gateway.sql(`update page_sessions set ${change}`);
    const ended = change.endsWith('()');
    expect((await fetch(link, { redirect: 'manual', headers: { cookie } })).status).toBe(ended ? 303 : 200);
    const body = new URLSearchParams({ csrf: csrfIn(page), verdict: 'deny', reason: '', binding: '', preview: '' });
    const sent = await fetch(`${link}/decision`, { method: 'POST', redirect: 'manual', headers: { cookie, origin: home }, body });
    expect([sent.status, sent.headers.get('location')?.startsWith('/approvals/login')]).toEqual(ended ? [303, true] : [409, undefined]);
    await undecided(id);
  });

  it(`lasts as long as the setting says, in the cookie and in the table, and what has ended is forgotten`, async () => {
    const other = await PageGateway.start({ bob: ['customhouse-approvers'] }, { CUSTOMHOUSE_APPROVAL_SESSION_S: String(short) });
    try {
      const { link } = await other.held();
      const bob = new BrowserPerson('bob');
      await bob.open(link);
      const [session] = await other.gateway.sql(`select extract(epoch from expires - clock_timestamp())::float8 as left_s from page_sessions`);
      expect(session.left_s).toBeGreaterThan(0);
      expect(session.left_s).toBeLessThanOrEqual(short);
      expect(bob.given.find((cookie) => cookie.startsWith('customhouse-session='))).toContain(`; Max-Age=${short};`);
      await other.gateway.sql(`update page_sessions set expires = clock_timestamp() - interval '1 second'`);
      await new BrowserPerson('bob').open(link);
      expect(await other.gateway.sql('select 1 from page_sessions')).toHaveLength(1);
    } finally {
      await other.stop();
    }
  });

  it('is nobody’s by a cookie that was made up', async () => {
    const { link } = await held();
    for (const cookie of ['customhouse-session=', 'customhouse-session=x', `customhouse-session=${'A'.repeat(43)}`, `customhouse-session=${'A'.repeat(100_000).slice(0, 9_000)}`])
      expect((await fetch(link, { redirect: 'manual', headers: { cookie } })).status).toBe(303);
  });
});

describe('a login that was made for a call', () => {
  it('counts for as long as the setting says', async () => {
    const { id, link } = await held({ terms: { fresh_login: true } });
    const bob = new BrowserPerson('bob');
    const page = await bob.open(`${home}/approvals/login?fresh=true&back=${encodeURIComponent(`/approvals/${id}`)}`);
    expect(page.html).toContain('value="approve"');
    await gateway.sql(`update page_sessions set fresh_since = fresh_since - interval '301 seconds'`);
    expect((await bob.open(link)).html).not.toContain('value="approve"');
    expect((await decide(bob, page, 'approve')).status).toBe(403);
    await undecided(id);
  });
});

describe('the login', () => {
  it('leads to pages of ours only', async () => {
    for (const back of ['https://evil.example/', '//evil.example', '/approvals/../v1', '/approvals/link?token=x&y=z', ''])
      expect((await fetch(`${home}/approvals/login?back=${encodeURIComponent(back)}`, { redirect: 'manual' })).status).toBe(400);
  });

  it('is not completed in another browser than where it began, nor with a state or code of others', async () => {
    const { id } = await held();
    const begun = await fetch(`${home}/approvals/login?back=/approvals/${id}`, { redirect: 'manual' });
    expect(begun.status).toBe(302);
    const cookie = begun.headers.getSetCookie()[0]!.split(';')[0]!;
    const state = new URL(begun.headers.get('location')!).searchParams.get('state')!;
    const statuses = async (query: string, header?: string) =>
      (await fetch(`${home}/approvals/callback${query}`, { redirect: 'manual', headers: header === undefined ? {} : { cookie: header } })).status;
    expect(await statuses(`?code=x&state=${state}`)).toBe(403);
    expect(await statuses(`?code=x&state=another`, cookie)).toBe(403);
    expect(await statuses(`?code=x&state=${state}`, cookie)).toBe(403);
    expect(await statuses(`?code=x&state=${state}`, `${cookie}x`)).toBe(403);
    expect(await statuses('', cookie)).toBe(403);
  });

  it('asks for PKCE and keeps its cookies from scripts', async () => {
    const { id } = await held();
    const begun = await fetch(`${home}/approvals/login?back=/approvals/${id}`, { redirect: 'manual' });
    const query = new URL(begun.headers.get('location')!).searchParams;
    expect(query.get('code_challenge_method')).toBe('S256');
    expect(query.get('nonce')).toMatch(/^.{20,}$/);
    expect(begun.headers.getSetCookie()).toEqual([expect.stringMatching(/^customhouse-login=[^;]+; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/)]);
  });
});
