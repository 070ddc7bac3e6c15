import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { BrowserPerson, type Page } from './browser-person.js';
import { clientId, clientSecret, CompanyLogin } from './company-login.js';
import { freePort } from './free-port.js';
import { Gateway, type HeldData, type Ingress } from './gateway.js';

jest.setTimeout(120_000);

const { url: postgres } = await testPostgres();
let gateway: Gateway;
let ingress: Ingress;
let company: CompanyLogin;
let home: string;

beforeAll(async () => {
  const port = await freePort();
  home = `http://127.0.0.1:${port}`;
  company = await CompanyLogin.start(`${home}/approvals/callback`);
  for (const name of ['alice', 'bob', 'carol']) company.people.set(name, { email: `${name}@example.com`, groups: ['customhouse-approvers', 'finance'] });
  company.people.set('mallory', { email: 'mallory@example.com', groups: ['sales'] });
  company.people.set('eve', { email: 'bob@example.com', groups: ['customhouse-approvers'], email_verified: false });
  gateway = await Gateway.start({
    postgres,
    settings: {
      CUSTOMHOUSE_API_PORT: String(port),
      CUSTOMHOUSE_APPROVAL_PUBLIC_URL: home,
      CUSTOMHOUSE_APPROVAL_OIDC_ISSUER: company.issuer,
      CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_ID: clientId,
      CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_SECRET: clientSecret,
      CUSTOMHOUSE_APPROVAL_OIDC_SCOPE: 'openid email groups',
    },
  });
  ingress = await gateway.ingress('ingress-1');
});
afterAll(async () => {
  await gateway?.stop();
  await company?.stop();
});

const alice = { person: 'alice@example.com' };
async function held(options: Parameters<Ingress['hold']>[0] = {}): Promise<{ held: HeldData; id: string; link: string }> {
  const { held: data } = await ingress.hold({ principal: alice, ...options });
  const { id } = data.approval;
  await gateway.status(id, 'open');
  return { held: data, id, link: `${home}/approvals/${id}` };
}
const decide = (person: BrowserPerson, page: Page, verdict: string, reason = 'looks right'): Promise<Page> => person.submit(page, '/decision', { verdict, reason });
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
    expect(after.html).toContain('<dd>bob@example.com</dd>');
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

  it('lets nobody decide the own call', async () => {
    const { id, link } = await held();
    const person = new BrowserPerson('alice');
    const after = await decide(person, await person.open(link), 'approve');
    expect([after.status, after.html.includes('Somebody else has to decide')]).toEqual([403, true]);
    await undecided(id);
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
    expect((await bob.open(`${home}/approvals/01K00000000000000000000000`)).status).toBe(404);
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
