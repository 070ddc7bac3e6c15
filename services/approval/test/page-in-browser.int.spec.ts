import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';
import type { CompanyLogin } from './company-login.js';
import type { Gateway } from './gateway.js';
import { PageGateway } from './page-gateway.js';

jest.setTimeout(400_000);

/** The browser of this machine. Nothing is downloaded for it. */
const executable = [process.env['CUSTOMHOUSE_TEST_BROWSER'], '/usr/bin/chromium'].find((path) => path !== undefined && existsSync(path));
if (executable === undefined) process.stderr.write('no browser here: the page is not tried in one. Install chromium, or set CUSTOMHOUSE_TEST_BROWSER.\n');

(executable === undefined ? describe.skip : describe)('the page of a request in a real browser', () => {
  let place: PageGateway;
  let gateway: Gateway;
  let company: CompanyLogin;
  let browser: Browser;
  let home: string;

  beforeAll(async () => {
    place = await PageGateway.start({ bob: ['customhouse-approvers', 'oncall'], carol: ['customhouse-approvers'] });
    ({ gateway, company, home } = place);
    // Test machines have no user namespaces for its sandbox, and it opens nothing but our own pages.
    browser = await chromium.launch({ executablePath: executable!, args: ['--no-sandbox', '--disable-dev-shm-usage'], timeout: 120_000 });
  });
  afterAll(async () => {
    await browser?.close();
    await place?.stop();
  });

  const held = async (options: Parameters<PageGateway['held']>[0] = {}): Promise<string> => (await place.held(options)).id;
  /** Somebody with a browser of their own. Whatever the pages complain about is kept. */
  const visitor = async (options: BrowserContextOptions = {}): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> => {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(120_000);
    const page = await context.newPage();
    const complaints: string[] = [];
    const ours = () => page.url().startsWith(home);
    page.on('console', (message) => message.type() === 'error' && ours() && complaints.push(message.text()));
    page.on('dialog', (dialog) => (complaints.push(`dialog ${dialog.message()}`), void dialog.dismiss()));
    return { context, page, complaints };
  };
  const logIn = async (page: Page, name = 'bob'): Promise<void> => {
    const inside = page.getByRole('button', { name: 'Log out' });
    await page.locator('input[name=login]').fill(name);
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await page.locator('button[type=submit]', { hasText: 'Continue' }).or(inside).first().waitFor();
    if (!page.url().startsWith(home)) await page.locator('button[type=submit]').click();
    await inside.waitFor();
  };

  it('leads through the login of the company, shows what would run as it is, and takes the decision', async () => {
    const memo = '<img src=x onerror=alert(1)>\u202Etxt.exe';
    const id = await held({ args: { memo, to: 'DE02' } });
    const { context, page, complaints } = await visitor();
    await page.goto(`${home}/approvals/${id}`);
    await logIn(page);
    const { body } = await gateway.show(id);
    expect(await page.locator('#rendering').textContent()).toBe(body.rendering);
    expect(await page.locator('img').count()).toBe(0);
    await page.locator('textarea[name=reason]').fill('looked at it\nin a browser');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('approved by bob@example.com').waitFor();
    await gateway.status(id, 'dispatching');
    const events = await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
    expect(events[1]!.data).toMatchObject({ by: 'bob@example.com', via: 'browser', reason: 'looked at it\nin a browser', preview: body.preview });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('asks for the credentials again where a rule wants a login made for the decision', async () => {
    const id = await held({ terms: { fresh_login: true } });
    const { context, page } = await visitor();
    await page.goto(`${home}/approvals/${id}`);
    await logIn(page);
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    await page.getByRole('link', { name: 'Log in again to approve' }).click();
    await logIn(page);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('approved by bob@example.com').waitFor();
    const events = await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
    expect(events[1]!.data).toMatchObject({ fresh: true });
    await context.close();
  });

  it('is gone through with the keyboard and without scripts: from the list to an emergency, its review, and a delegation', async () => {
    const id = await held({ terms: { quorum: 2, break_glass: { groups: ['oncall'] } }, aim: { method: 'tools/call', tool: 'restart', definition: 'definition-1' } });
    const bob = await visitor({ javaScriptEnabled: false });
    await bob.page.goto(`${home}/approvals`);
    await logIn(bob.page);
    // The first stop of the keyboard leads past the navigation.
    await bob.page.keyboard.press('Tab');
    await bob.page.keyboard.press('Enter');
    await bob.page.keyboard.press('Tab');
    await bob.page.keyboard.press('Enter');
    await bob.page.getByRole('link', { name: 'Only what you decide about' }).waitFor();
    const row = bob.page.getByRole('row', { name: 'restart on bank' });
    expect(await row.getByRole('cell', { name: '0 of 2 people have approved' }).count()).toBe(1);
    await row.getByRole('rowheader').getByRole('link').press('Enter');
    await bob.page.getByRole('heading', { name: 'In an emergency' }).waitFor();
    await bob.page.getByRole('link', { name: 'Log in again to let it run alone' }).press('Enter');
    await logIn(bob.page);
    await bob.page.getByLabel('Why can it not wait for the others?').fill('all stands still');
    await bob.page.getByRole('button', { name: 'Let it run alone' }).press('Enter');
    await bob.page.getByText('in an emergency: all stands still').waitFor();
    expect(await gateway.status(id, 'dispatching')).toMatchObject({ break_glass: { by: 'bob@example.com', reason: 'all stands still' } });

    const carol = await visitor({ javaScriptEnabled: false });
    await carol.page.goto(`${home}/approvals/reviews`);
    await logIn(carol.page, 'carol');
    await carol.page.getByRole('link', { name: 'restart on bank' }).press('Enter');
    // What has to be said cannot be left out.
    await carol.page.getByRole('button', { name: 'Record the review' }).press('Enter');
    await carol.page.getByRole('group', { name: 'Was it right to let this call run alone?' }).getByLabel('It was justified').press('Space');
    await carol.page.getByLabel('Comment').fill('it was');
    await carol.page.getByRole('button', { name: 'Record the review' }).press('Enter');
    await carol.page.getByText('justified, says carol@example.com: it was').waitFor();
    expect((await gateway.show(id)).body.break_glass.review).toEqual({ by: 'carol@example.com', verdict: 'justified', comment: 'it was' });

    await carol.page.getByRole('link', { name: 'Delegations' }).press('Enter');
    await carol.page.getByLabel('Who, by the name that they log in with').fill('dave@example.com');
    await carol.page.getByLabel('For how long').fill('12');
    await carol.page.getByLabel('Unit of time').selectOption('hours');
    await carol.page.getByRole('button', { name: 'Delegate' }).press('Enter');
    await carol.page.getByRole('button', { name: 'Take back what dave@example.com may decide for carol@example.com' }).press('Enter');
    await carol.page.getByRole('cell', { name: 'taken back' }).waitFor();
    expect([...bob.complaints, ...carol.complaints]).toEqual([]);
    await bob.context.close();
    await carol.context.close();
  });

  it('is not shown in a frame, and a form of another site decides nothing', async () => {
    const id = await held();
    const { context, page } = await visitor();
    await page.goto(`${home}/approvals/${id}`);
    await logIn(page);
    const other = await context.newPage();
    // The page of the provider stands for another site: it has another origin.
    await other.goto(`${company.issuer}/.well-known/openid-configuration`);
    await other.setContent(
      `<iframe src="${home}/approvals/${id}"></iframe><form method="post" action="${home}/approvals/${id}/decision"><input name="verdict" value="approve"><button>win</button></form>`,
    );
    expect(await other.frames()[1]?.locator('#rendering').count()).toBe(0);
    const [response] = await Promise.all([other.waitForResponse((answer) => answer.url().endsWith('/decision')), other.getByRole('button', { name: 'win' }).click()]);
    expect(response.status()).not.toBe(200);
    expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: [] });
    await context.close();
  });
});
