import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { BrowserPerson } from './browser-person.js';
import { CompanyLogin } from './company-login.js';
import { freePort } from './free-port.js';
import { eventually, Gateway, type HeldData, type Ingress } from './gateway.js';
import { pageEnvironment } from './page-gateway.js';
import { slackSecrets, SlackWorkspace, type Message } from './slack-workspace.js';

jest.setTimeout(120_000);

const { url: postgres } = await testPostgres();
let gateway: Gateway;
let ingress: Ingress;
let company: CompanyLogin;
let slack: SlackWorkspace;
let home: string;
let settings: Record<string, string>;

const people = { alice: 'U0ALICE', bob: 'U0BOB', carol: 'U0CAROL', dave: 'U0DAVE' };

beforeAll(async () => {
  home = `http://127.0.0.1:${await freePort()}`;
  company = await CompanyLogin.start(`${home}/approvals/callback`);
  slack = await SlackWorkspace.start();
  slack.interactivityUrl = `${home}/v1/slack/interactions`;
  for (const [name, id] of Object.entries(people)) {
    company.people.set(name, { email: `${name}@example.com`, groups: ['customhouse-approvers'] });
    slack.users.set(id, { email: `${name}@example.com`, real_name: name });
  }
  settings = {
    ...pageEnvironment(home, company),
    CUSTOMHOUSE_APPROVAL_SLACK_BOT_TOKEN: slackSecrets.token,
    CUSTOMHOUSE_APPROVAL_SLACK_SIGNING_SECRET: slackSecrets.signing,
    CUSTOMHOUSE_APPROVAL_SLACK_APP_ID: slackSecrets.app,
    CUSTOMHOUSE_APPROVAL_SLACK_TEAM_ID: slackSecrets.team,
    CUSTOMHOUSE_APPROVAL_SLACK_CHANNEL: 'C0APPROVALS',
    CUSTOMHOUSE_APPROVAL_SLACK_GROUP_CHANNELS: 'finance=C0FINANCE',
    CUSTOMHOUSE_APPROVAL_SLACK_API_URL: slack.apiUrl,
    CUSTOMHOUSE_APPROVAL_NOTICE_BACKOFF_MS: '50',
  };
  gateway = await Gateway.start({ postgres, settings });
  ingress = await gateway.ingress('ingress-1');
  for (const name of ['alice', 'bob', 'carol']) await link(name as keyof typeof people);
});
afterEach(() => {
  slack.trouble = undefined;
});
afterAll(async () => {
  await gateway?.stop();
  await slack?.stop();
  await company?.stop();
});

/** Clicks, follows the link that comes, logs in and confirms. */
async function link(name: keyof typeof people, as: string = name): Promise<string> {
  const { id } = await held();
  const since = slack.messages.length;
  await slack.send(slack.click(await posted(id), 'approve', people[name]));
  const whisper = await slack.whisperTo(people[name], since);
  const person = new BrowserPerson(as);
  const page = await person.open(slack.button(whisper, 'way').url);
  return page.status === 200 ? (await person.submit(page, '/approvals/link')).html : page.html;
}

async function held(options: Parameters<Ingress['hold']>[0] = {}): Promise<{ held: HeldData; id: string }> {
  const { held: data } = await ingress.hold({ principal: { person: 'alice@example.com' }, ...options });
  await gateway.status(data.approval.id, 'open');
  return { held: data, id: data.approval.id };
}
async function asked(options: Parameters<Ingress['hold']>[0] = {}): Promise<{ id: string; message: Message }> {
  const { id } = await held(options);
  return { id, message: await posted(id) };
}
/** The message about a request, once the service knows which it is. */
async function posted(id: string): Promise<Message> {
  const message = await slack.messageAbout(id);
  await eventually('the message is known', async () => (await gateway.sql('select ts from slack_messages where ts = $1', [message.ts])).length === 1);
  return message;
}
const undecided = async (id: string) => expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: [] });
const actionsOf = (message: Message): string[] => message.blocks.flatMap((block) => (block.type === 'actions' ? block.elements.map((element: any) => element.action_id) : []));
const codeOf = (message: Message): string => message.blocks.flatMap((block) => (block.text?.type === 'mrkdwn' ? [block.text.text] : [])).join('\n');

describe('a request in Slack', () => {
  it('shows what would run and is approved by a click, and the message says so', async () => {
    const { id, message } = await asked({ args: { to: '<!channel> *x* `y`', amount: 12.5 } });
    expect(actionsOf(message)).toEqual(['approve', 'deny', 'details']);
    expect(codeOf(message)).toContain('  /to = "&lt;!channel&gt; *x* \\u{60}y\\u{60}"');
    expect(slack.button(message, 'details').url).toBe(`${home}/approvals/${id}`);
    const { body: shown } = await gateway.show(id);
    expect(await slack.send(slack.click(message, 'approve', people.bob))).toEqual({ status: 200, body: undefined });
    const events = await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
    expect(events[1]!.data).toMatchObject({ by: 'bob@example.com', via: 'slack', verdict: 'approve', fresh: false, preview: shown.preview });
    await eventually('the message is changed in place', async () => JSON.stringify(message.blocks).includes('Approved by bob@example.com.'));
    expect(actionsOf(message)).toEqual(['details']);
    expect(codeOf(message)).toBe('');
  });

  it('is denied with a reason that a dialog asks for', async () => {
    const { id, message } = await asked();
    const dialogs = slack.dialogs.length;
    expect((await slack.send(slack.click(message, 'deny', people.bob))).status).toBe(200);
    const dialog = await eventually('a dialog opens', async () => slack.dialogs[dialogs]);
    expect(await slack.send(slack.answer(dialog, people.bob, 'not this month'))).toEqual({ status: 200, body: undefined });
    expect(await gateway.status(id, 'denied')).toMatchObject({ decision: 'not this month', decided_by: ['bob@example.com'] });
    await eventually('the message is changed in place', async () => JSON.stringify(message.blocks).includes('not this month'));
  });

  it('counts two people towards a quorum of two, and shows how far it is', async () => {
    const { id, message } = await asked({ quorum: 2 });
    await slack.send(slack.click(message, 'approve', people.bob));
    await eventually('the message shows the first', async () => JSON.stringify(message.blocks).includes('1 of 2 people have approved (bob@example.com).'));
    await slack.send(slack.click(message, 'approve', people.bob));
    expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: ['bob@example.com'] });
    await slack.send(slack.click(message, 'approve', people.carol));
    await gateway.status(id, 'dispatching');
  });

  it('is changed in place when it was decided elsewhere, or expired', async () => {
    const { id, message } = await asked();
    await gateway.vote(id, 'zoe', 'deny');
    await eventually('the denial is shown', async () => JSON.stringify(message.blocks).includes('zoe looked at it'));
    const short = await held({ expires_ms: 3_000 });
    const other = await slack.messageAbout(short.id);
    await eventually('the expiry is shown', async () => JSON.stringify(other.blocks).includes('nobody decided in time'), 30_000);
    expect(actionsOf(other)).toEqual(['details']);
  });

  it('is posted to the channels of the groups that it asks', async () => {
    const { id } = await held({ terms: { approvers: [{ groups: ['finance'] }] } as never });
    await slack.messageAbout(id, 'C0FINANCE');
    await slack.messageAbout(id, 'C0APPROVALS');
  });

  it('that needs a fresh login has no button to approve, and a forged click does not help', async () => {
    const { id, message } = await asked({ terms: { fresh_login: true } });
    expect(actionsOf(message)).toEqual(['deny', 'details']);
    const value = slack.button(message, 'deny').value;
    const since = slack.messages.length;
    await slack.send(slack.click(message, 'approve', people.bob, { actions: [{ type: 'button', action_id: 'approve', value }] }));
    expect((await slack.whisperTo(people.bob, since)).text).toContain('cannot be approved here');
    await undecided(id);
  });

  it('that is too long for a message is approved on the page: a part is never shown for the whole', async () => {
    const { message } = await asked({ args: Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, 'x'.repeat(900)])) });
    expect(actionsOf(message)).toEqual(['deny', 'details']);
    expect(codeOf(message)).toBe('');
    expect(JSON.stringify(message.blocks)).toContain('too long for a message');
  });
});

describe('a click', () => {
  it('by the person who asked does not count', async () => {
    const { id, message } = await asked();
    const since = slack.messages.length;
    expect((await slack.send(slack.click(message, 'approve', people.alice))).status).toBe(200);
    expect((await slack.whisperTo(people.alice, since)).text).toContain('Somebody else has to decide');
    await undecided(id);
  });

  it('after the decision is answered with what was decided', async () => {
    const { id, message } = await asked();
    const click = slack.click(message, 'approve', people.carol);
    await gateway.vote(id, 'zoe', 'deny');
    // Whoever clicked still saw the message as it was.
    await eventually('the message is changed in place', async () => JSON.stringify(message.blocks).includes('zoe looked at it'));
    const since = slack.messages.length;
    expect((await slack.send(click)).status).toBe(200);
    expect((await slack.whisperTo(people.carol, since)).text).toContain('denied by zoe');
  });

  it.each([
    ['another secret', { secret: 'another' }, {}, 401],
    ['an old time', { age_s: 301 }, {}, 401],
    ['a time in the future', { age_s: -400 }, {}, 401],
    ['another workspace', {}, { team: { id: 'T0OTHER' } }, 403],
    ['another app', {}, { api_app_id: 'A0OTHER' }, 403],
    ['another kind of interaction', {}, { type: 'shortcut' }, 400],
  ])('with %s is refused and decides nothing', async (_, signing, changes, status) => {
    const { id, message } = await asked();
    expect((await slack.send(slack.click(message, 'approve', people.bob, changes), signing)).status).toBe(status);
    await undecided(id);
  });

  it('whose body was changed on the way is refused', async () => {
    const { id, message } = await asked();
    const { body, headers } = slack.signed(slack.click(message, 'approve', people.alice));
    expect((await slack.deliver({ body: body.replaceAll(people.alice, people.bob), headers })).status).toBe(401);
    await undecided(id);
  });

  it('that is sent again as it was is refused', async () => {
    const { id, message } = await asked({ quorum: 2 });
    const request = slack.signed(slack.click(message, 'approve', people.bob));
    expect((await slack.deliver(request)).status).toBe(200);
    expect((await slack.deliver(request)).status).toBe(403);
    expect((await Promise.all(Array.from({ length: 5 }, () => slack.deliver(request)))).map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
    expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: ['bob@example.com'] });
  });

  it('on a forged message, or with the button of another one, decides nothing', async () => {
    const { id, message } = await asked();
    const other = await asked();
    const { value } = slack.button(message, 'approve');
    const forged: object[] = [
      slack.click({ ...message, ts: '1.2' }, 'approve', people.bob),
      slack.click({ ...message, channel: 'C0FINANCE' }, 'approve', people.bob),
      slack.click(other.message, 'approve', people.bob, { actions: [{ type: 'button', action_id: 'approve', value }] }),
      slack.click(message, 'approve', people.bob, { actions: [{ type: 'button', action_id: 'approve', value: value.replace(/"preview":"./, '"preview":"!') }] }),
      slack.click(message, 'approve', people.bob, { actions: [{ type: 'button', action_id: 'approve' }] }),
    ];
    for (const click of forged) expect((await slack.send(click)).status).toBe(200);
    await undecided(id);
    await undecided(other.id);
  });

  it('of fifty at once decides once', async () => {
    const { id, message } = await asked();
    const clicks = Array.from({ length: 50 }, (_, index) => slack.send(slack.click(message, 'approve', index % 2 === 0 ? people.bob : people.carol)));
    const answers = await Promise.all(clicks);
    expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true);
    await gateway.status(id, 'dispatching');
    const events = await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
    expect(events).toHaveLength(4);
  });

  it('of somebody whom nobody knows decides nothing', async () => {
    const { id, message } = await asked();
    const since = slack.messages.length;
    await slack.send(slack.click(message, 'approve', people.dave));
    expect((await slack.whisperTo(people.dave, since)).text).toContain('link your account once');
    await undecided(id);
  });
});

describe('an account of Slack', () => {
  it('is not linked to somebody else who opens the link', async () => {
    expect(await link('dave', 'bob')).toContain('belongs to dave@example.com');
    expect(await gateway.sql(`select * from identities where subject = '${people.dave}'`)).toEqual([]);
  });

  it('is not linked by a link that was changed', async () => {
    const since = slack.messages.length;
    await slack.send(slack.click((await asked()).message, 'approve', people.dave));
    const { url } = slack.button(await slack.whisperTo(people.dave, since), 'way');
    const page = await new BrowserPerson('dave').open(url.replace('token=', 'token=A'));
    expect([page.status, page.html.includes('too old')]).toEqual([403, true]);
  });

  it('counts as its person until they have not logged in for too long', async () => {
    await gateway.sql(`update people set seen = seen - interval '31 days' where person = 'carol@example.com'`);
    const { id, message } = await asked();
    const since = slack.messages.length;
    await slack.send(slack.click(message, 'approve', people.carol));
    expect((await slack.whisperTo(people.carol, since)).text).toContain('log in once more');
    await undecided(id);
    expect(await link('carol')).toContain('Linked');
    await slack.send(slack.click(message, 'approve', people.carol));
    await gateway.status(id, 'dispatching');
  });
});

describe('while Slack', () => {
  it.each([
    ['is down', () => ({ status: 503 })],
    ['limits the rate', () => ({ status: 429, headers: { 'retry-after': '1' } })],
    ['fails', () => ({ status: 200, body: { ok: false, error: 'internal_error' } })],
  ])('%s, a request stays open, is decided elsewhere, and later ones are posted when it is back', async (_, trouble) => {
    slack.trouble = trouble;
    const before = slack.calls.length;
    const { id } = await held();
    const { id: later } = await held();
    await eventually('Slack was tried', async () => slack.calls.length > before);
    expect(await gateway.vote(id, 'zoe')).toMatchObject({ status: 200, body: { status: 'dispatching' } });
    slack.trouble = undefined;
    const message = await posted(later);
    await slack.send(slack.click(message, 'approve', people.bob));
    await gateway.status(later, 'dispatching');
    // A message that was under way when the other place decided is changed in place; no button is left that decides.
    await eventually('no message asks about what was decided', async () =>
      slack.messages.filter((posted) => JSON.stringify(posted.blocks).includes(id)).every((posted) => !actionsOf(posted).includes('approve')),
    );
  });

  it('never answers, clicks are decided all the same', async () => {
    const { id, message } = await asked();
    slack.trouble = () => 'silence';
    expect((await slack.send(slack.click(message, 'approve', people.bob))).status).toBe(200);
    await gateway.status(id, 'dispatching');
  });
});

describe('when the service ends and begins again', () => {
  it('messages still decide, and nothing is posted twice', async () => {
    const { id, message } = await asked();
    await gateway.restartService();
    await slack.send(slack.click(message, 'approve', people.bob));
    await gateway.status(id, 'dispatching');
    expect(slack.messages.filter((posted) => posted.channel === 'C0APPROVALS' && posted.user === undefined && JSON.stringify(posted.blocks).includes(id))).toHaveLength(1);
  });
});
