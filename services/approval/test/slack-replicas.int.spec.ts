import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { ApprovalProcess } from './approval-process.js';
import { BrowserPerson } from './browser-person.js';
import { clientId, clientSecret, CompanyLogin } from './company-login.js';
import { freePort } from './free-port.js';
import { eventually, Gateway, type Ingress } from './gateway.js';
import { slackSecrets, SlackWorkspace, type Message, type Sent } from './slack-workspace.js';

jest.setTimeout(240_000);

const { url: postgres } = await testPostgres();
const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const people = { bob: 'U0BOB', carol: 'U0CAROL' };
let gateway: Gateway;
let ingress: Ingress;
let company: CompanyLogin;
let slack: SlackWorkspace;
let one: ApprovalProcess;
let other: ApprovalProcess;

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'tools/build.mjs')]);
  const ports = [await freePort(), await freePort()] as const;
  const home = `http://127.0.0.1:${ports[0]}`;
  company = await CompanyLogin.start(`${home}/approvals/callback`);
  slack = await SlackWorkspace.start();
  slack.interactivityUrl = `${home}/v1/slack/interactions`;
  const settings = {
    CUSTOMHOUSE_APPROVAL_PUBLIC_URL: home,
    CUSTOMHOUSE_APPROVAL_OIDC_ISSUER: company.issuer,
    CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_ID: clientId,
    CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_SECRET: clientSecret,
    CUSTOMHOUSE_APPROVAL_OIDC_SCOPE: 'openid email groups',
    CUSTOMHOUSE_APPROVAL_SLACK_BOT_TOKEN: slackSecrets.token,
    CUSTOMHOUSE_APPROVAL_SLACK_SIGNING_SECRET: slackSecrets.signing,
    CUSTOMHOUSE_APPROVAL_SLACK_APP_ID: slackSecrets.app,
    CUSTOMHOUSE_APPROVAL_SLACK_TEAM_ID: slackSecrets.team,
    CUSTOMHOUSE_APPROVAL_SLACK_CHANNEL: 'C0APPROVALS',
    CUSTOMHOUSE_APPROVAL_SLACK_API_URL: slack.apiUrl,
    CUSTOMHOUSE_APPROVAL_NOTICE_BACKOFF_MS: '50',
    CUSTOMHOUSE_APPROVAL_SILENCE_MS: '120000',
  };
  gateway = await Gateway.start({ postgres, settings });
  ingress = await gateway.ingress('ingress-1');
  await gateway.approver('reader');
  await gateway.service.close();
  one = new ApprovalProcess({ ...gateway.environment, CUSTOMHOUSE_INSTANCE: 'approval-1' }, ports[0]);
  other = new ApprovalProcess({ ...gateway.environment, CUSTOMHOUSE_INSTANCE: 'approval-2' }, ports[1]);
  await one.start();
  await other.start();
  for (const [name, id] of Object.entries(people)) {
    company.people.set(name, { email: `${name}@example.com`, groups: ['customhouse-approvers'] });
    slack.users.set(id, { email: `${name}@example.com`, real_name: name });
    await link(name, id);
  }
}, 300_000);
afterAll(async () => {
  await one?.stop();
  await other?.stop();
  await gateway?.startService();
  await gateway?.stop();
  await slack?.stop();
  await company?.stop();
}, 60_000);

/** Clicks, follows the link that comes, logs in and confirms. */
async function link(name: string, user: string): Promise<void> {
  const { message } = await asked();
  await eventually(`the account of ${name} is linked`, async () => {
    const since = slack.messages.length;
    await clicked(one, slack.signed(slack.click(message, 'approve', user)));
    const person = new BrowserPerson(name);
    const page = await person.open(slack.button(await slack.whisperTo(user, since), 'way').url);
    return (await person.submit(page, '/approvals/link')).html.includes('Linked');
  });
}

interface Asked {
  readonly id: string;
  readonly message: Message;
}

/** Holds a call and waits for its message, until the service knows which it is. */
async function asked(quorum = 1): Promise<Asked> {
  const { held } = await ingress.hold({ principal: { person: 'alice@example.com' }, quorum });
  const { id } = held.approval;
  const message = await eventually('the message is in Slack', async () => messagesAbout(id)[0], 60_000);
  await eventually('the message is known', async () => (await gateway.sql('select ts from slack_messages where ts = $1', [message.ts])).length === 1);
  return { id, message };
}

const messagesAbout = (id: string): Message[] =>
  slack.messages.filter(({ user, thread_ts, blocks }) => user === undefined && thread_ts === undefined && JSON.stringify(blocks).includes(id));

type Click = ReturnType<SlackWorkspace['signed']>;
const clicked = (at: ApprovalProcess, click: Click): Promise<Sent> => slack.deliver(click, `${at.url}/v1/slack/interactions`);

/** Sends the same body again and again, as Slack does, until it is answered with something else than trouble. */
function retried(at: ApprovalProcess, click: Click): Promise<Sent> {
  return eventually(
    'the click is answered',
    async () => {
      const sent = await clicked(at, click).catch(() => undefined);
      return sent !== undefined && sent.status < 500 && sent;
    },
    60_000,
  );
}

/** The people whose votes the log has, in order. */
async function votersOf(id: string): Promise<string[]> {
  return (await gateway.told(id)).filter(({ type }) => type === 'approval.vote.cast').map(({ data }) => data.by);
}

async function decidedOnce({ id, message }: Asked, ...voters: string[]): Promise<void> {
  await eventually('the vote is told', async () => (await gateway.told(id)).some(({ type }) => type === 'approval.dispatcher.named'), 60_000);
  expect(await votersOf(id)).toEqual(voters);
  expect((await gateway.told(id)).filter(({ type }) => type === 'approval.request.granted')).toHaveLength(1);
  await eventually('the message says so', async () => JSON.stringify(message.blocks).includes(`Approved by ${voters.join(', ')}.`), 90_000);
  expect(slack.button(message, 'approve')).toBeUndefined();
  expect(messagesAbout(id)).toHaveLength(1);
}

describe('two processes that Slack sends clicks to', () => {
  it('count a quorum together, and post one message', async () => {
    const request = await asked(2);
    await clicked(one, slack.signed(slack.click(request.message, 'approve', people.bob)));
    await clicked(other, slack.signed(slack.click(request.message, 'approve', people.carol)));
    await decidedOnce(request, 'bob@example.com', 'carol@example.com');
  });

  it('count a click once that both get, however often', async () => {
    const request = await asked(2);
    const click = slack.signed(slack.click(request.message, 'approve', people.bob));
    const answers = await Promise.all([one, other, one, other].map((at) => clicked(at, click)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await retried(other, click)).status).toBe(403);
    await retried(other, slack.signed(slack.click(request.message, 'approve', people.carol)));
    await decidedOnce(request, 'bob@example.com', 'carol@example.com');
  });
});

describe('a process that is killed between a click and its answer', () => {
  const locks: pg.Client[] = [];

  afterEach(async () => {
    for (const lock of locks.splice(0)) await lock.end();
    await one.again();
  }, 120_000);

  /** Locks rows until the connection ends. */
  async function lock(sql: string, ...values: string[]): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: gateway.environment['CUSTOMHOUSE_DATABASE_URL'], options: '-c search_path=approval' });
    await client.connect();
    locks.push(client);
    await client.query('begin');
    await client.query(sql, values);
    return client;
  }

  /** Waits until a statement with these words waits for a lock. */
  const stuck = (words: string): Promise<unknown> =>
    eventually(
      `something waits at "${words}"`,
      async () =>
        (await gateway.sql(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`, [`%${words}%`])).length > 0,
      30_000,
    );

  it('before it counted: the same body counts at the other one', async () => {
    const request = await asked();
    const vote = await lock('select 1 from requests where approval = $1 for update', request.id);
    const click = slack.signed(slack.click(request.message, 'approve', people.bob));
    const answer = clicked(one, click).catch(() => undefined);
    await stuck('from requests where approval');
    await one.stop();
    expect([undefined, 503]).toContain((await answer)?.status);
    await vote.query('rollback');
    expect((await retried(other, click)).status).toBe(200);
    await decidedOnce(request, 'bob@example.com');
  });

  it('after it counted: the same body changes nothing at the other one, and the message says what was decided', async () => {
    const request = await asked();
    const vote = await lock('select 1 from requests where approval = $1 for update', request.id);
    const click = slack.signed(slack.click(request.message, 'approve', people.bob));
    const answer = clicked(one, click).catch(() => undefined);
    await stuck('from requests where approval');
    await lock('select 1 from slack_signatures where signature = $1 for update', click.headers['x-slack-signature']!);
    await vote.query('rollback');
    await stuck('update slack_signatures');
    await one.stop();
    expect([undefined, 503]).toContain((await answer)?.status);
    // What the process had asked of the database last would still be done.
    await gateway.sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'update slack_signatures%'`);
    await locks.at(-1)!.query('rollback');
    expect((await retried(other, click)).status).toBe(200);
    await decidedOnce(request, 'bob@example.com');
  });
});
