import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { clientId, clientSecret, CompanyLogin } from './company-login.js';
import { freePort } from './free-port.js';
import { Gateway, type Ingress } from './gateway.js';

jest.setTimeout(180_000);

/** The browser of this machine. Nothing is downloaded for it. */
const executable = [process.env['CUSTOMHOUSE_TEST_BROWSER'], '/usr/bin/chromium'].find((path) => path !== undefined && existsSync(path));
if (executable === undefined) process.stderr.write('no browser here: the page is not tried in one. Install chromium, or set CUSTOMHOUSE_TEST_BROWSER.\n');

(executable === undefined ? describe.skip : describe)('the page of a request in a real browser', () => {
  let gateway: Gateway;
  let ingress: Ingress;
  let company: CompanyLogin;
  let browser: Browser;
  let home: string;

  beforeAll(async () => {
    const port = await freePort();
    home = `http://127.0.0.1:${port}`;
    company = await CompanyLogin.start(`${home}/approvals/callback`);
    company.people.set('bob', { email: 'bob@example.com', groups: ['customhouse-approvers'] });
    gateway = await Gateway.start({
      postgres: (await testPostgres()).url,
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
    // Test machines have no user namespaces for its sandbox, and it opens nothing but our own pages.
    browser = await chromium.launch({ executablePath: executable!, args: ['--no-sandbox', '--disable-dev-shm-usage'], timeout: 120_000 });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    await company?.stop();
  });

  const held = async (options: Parameters<Ingress['hold']>[0] = {}): Promise<string> => {
    const { held: data } = await ingress.hold(options);
    await gateway.status(data.approval.id, 'open');
    return data.approval.id;
  };
  /** Somebody with a browser of their own. Whatever the pages complain about is kept. */
  const visitor = async (): Promise<{ context: BrowserContext; page: Page; complaints: string[] }> => {
    const context = await browser.newContext();
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    const complaints: string[] = [];
    const ours = () => page.url().startsWith(home);
    page.on('console', (message) => message.type() === 'error' && ours() && complaints.push(message.text()));
    page.on('dialog', (dialog) => (complaints.push(`dialog ${dialog.message()}`), void dialog.dismiss()));
    return { context, page, complaints };
  };
  const logIn = async (page: Page): Promise<void> => {
    await page.locator('input[name=login]').fill('bob');
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await page.locator('button[type=submit]', { hasText: 'Continue' }).or(page.locator('#rendering')).first().waitFor();
    if (!page.url().startsWith(home)) await page.locator('button[type=submit]').click();
    await page.locator('#rendering').waitFor();
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
