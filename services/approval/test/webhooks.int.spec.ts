import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook as Receiver } from 'standardwebhooks';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { eventually, Gateway, type Ingress } from './gateway.js';

jest.setTimeout(60_000);

interface Received {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly text: string;
}

const { url: postgres } = await testPostgres();
const secret = `whsec_${randomBytes(32).toString('base64')}`;
const home = 'https://customhouse.example';
const received: Received[] = [];
let gateway: Gateway;
let ingress: Ingress;
let server: Server;
/** Statuses that come instead of 202. */
let answers: { readonly path: string; readonly status: number; readonly headers?: Record<string, string> }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url!, headers: request.headers as Record<string, string>, text: Buffer.concat(chunks).toString() });
      const index = answers.findIndex(({ path }) => path === request.url);
      const { status, headers } = index < 0 ? { status: 202, headers: {} } : answers.splice(index, 1)[0]!;
      response.writeHead(status, headers).end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  gateway = await Gateway.start({
    postgres,
    settings: {
      CUSTOMHOUSE_APPROVAL_PUBLIC_URL: home,
      CUSTOMHOUSE_APPROVAL_OIDC_ISSUER: 'https://login.example',
      CUSTOMHOUSE_APPROVAL_OIDC_CLIENT_ID: 'customhouse',
      CUSTOMHOUSE_APPROVAL_SLACK_WEBHOOK_URL: `${base}/slack`,
      CUSTOMHOUSE_APPROVAL_TEAMS_WEBHOOK_URL: `${base}/teams`,
      CUSTOMHOUSE_APPROVAL_WEBHOOK_URL: `${base}/signed`,
      CUSTOMHOUSE_APPROVAL_WEBHOOK_SECRET: secret,
      CUSTOMHOUSE_APPROVAL_NOTICE_BACKOFF_MS: '50',
    },
  });
  ingress = await gateway.ingress('ingress-1');
});
afterEach(() => {
  answers = [];
});
afterAll(async () => {
  await gateway?.stop();
  server?.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function held(options: Parameters<Ingress['hold']>[0] = {}): Promise<string> {
  const { held: data } = await ingress.hold(options);
  await gateway.status(data.approval.id, 'open');
  return data.approval.id;
}
const at = (path: string, id: string): Received[] => received.filter((request) => request.path === path && request.text.includes(id));
const firstAt = async (path: string, id: string, count = 1): Promise<Received[]> =>
  eventually(`${path} was told ${count} times of ${id}`, async () => at(path, id).length >= count && at(path, id));

describe('a webhook', () => {
  it('of Slack is told with a link to the page, without buttons that decide and without arguments', async () => {
    const id = await held({ args: { to: 'DE0200000000' }, principal: { person: '<!channel> *eve*' } });
    const [request] = await firstAt('/slack', id);
    const { text, blocks } = JSON.parse(request!.text) as { text: string; blocks: any[] };
    expect(text).toBe('Waits for a person: claude wants to run transfer on bank');
    expect(blocks.at(-1).elements).toEqual([expect.objectContaining({ action_id: 'details', url: `${home}/approvals/${id}` })]);
    expect(blocks[1].fields).toContainEqual({ type: 'plain_text', text: '&lt;!channel&gt; *eve*', emoji: false });
    expect(request!.text).not.toContain('DE0200000000');
  });

  it('of Teams is told with a card in which nothing is markup', async () => {
    const id = await held({ principal: { person: '[bob](https://evil.example)\u202E' } });
    const [request] = await firstAt('/teams', id);
    const { type, attachments } = JSON.parse(request!.text) as { type: string; attachments: any[] };
    expect([type, attachments.length, attachments[0].contentType]).toEqual(['message', 1, 'application/vnd.microsoft.card.adaptive']);
    const { content } = attachments[0];
    expect(content).toMatchObject({ type: 'AdaptiveCard', version: '1.4', actions: [{ type: 'Action.OpenUrl', url: `${home}/approvals/${id}` }] });
    expect(content.body.every((element: any) => element.type === 'RichTextBlock')).toBe(true);
    expect(content.body.map((element: any) => element.inlines[0].text)).toContain('Asked by: [bob](https://evil.example)\\u{202E}');
  });

  it('of others is told of every step in order, signed so that the library of Standard Webhooks takes it', async () => {
    const id = await held();
    await firstAt('/signed', id);
    await gateway.vote(id, 'bob', 'deny');
    const requests = await firstAt('/signed', id, 2);
    const receiver = new Receiver(secret);
    const told = requests.map(({ text, headers }) => receiver.verify(text, headers) as any);
    expect(told.map(({ type }) => type)).toEqual(['approval.opened', 'approval.decided']);
    expect(told[0].data).toMatchObject({ approval: id, status: 'open', tenant: 'default', tool: 'transfer', person: 'alice', quorum: 1, link: `${home}/approvals/${id}` });
    expect(told[1].data).toMatchObject({ approval: id, status: 'denied', decided_by: ['bob'], decision: 'bob looked at it' });
    expect(() => receiver.verify(requests[0]!.text.replace('"open"', '"shut"'), requests[0]!.headers)).toThrow();
    expect(() => new Receiver(`whsec_${randomBytes(32).toString('base64')}`).verify(requests[0]!.text, requests[0]!.headers)).toThrow();
  });

  it('is told how many of how many people, and of which groups, have approved', async () => {
    const id = await held({ quorum: 3, terms: { quorum: 3, groups: [{ group: 'finance', quorum: 2 }] } });
    await firstAt('/signed', id);
    await gateway.vote(id, 'bob');
    const [, voted] = await firstAt('/signed', id, 2);
    expect(JSON.parse(voted!.text)).toMatchObject({
      type: 'approval.voted',
      data: { status: 'open', approvers: ['bob'], progress: { approved: 1, needed: 3, groups: [{ group: 'finance', approved: 0, needed: 2 }] } },
    });
    const words = '1 of 3 people have approved (bob); of finance 0 of 2';
    for (const path of ['/slack', '/teams']) {
      const [, told] = await firstAt(path, id, 2);
      expect(told!.text).toContain('One more has approved, and others have to: claude wants to run transfer on bank');
      expect(told!.text).toContain(words);
    }
  });

  it('that fails is told again under the same id, and the others do not wait for it', async () => {
    answers = [
      { path: '/signed', status: 503 },
      { path: '/signed', status: 429, headers: { 'retry-after': '1' } },
    ];
    const id = await held();
    await firstAt('/teams', id);
    const requests = await firstAt('/signed', id, 3);
    expect(new Set(requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('that says that it will never take it is left alone, and the request stays open', async () => {
    answers = [{ path: '/signed', status: 410 }];
    const id = await held();
    const failure = await eventually(
      'the notice is given up',
      async () => (await gateway.sql(`select failure from notices where approval = '${id}' and channel = 'webhook' and failure is not null`))[0],
    );
    expect(failure).toEqual({ failure: 'the webhook answered 410' });
    expect(at('/signed', id)).toHaveLength(1);
    expect((await gateway.show(id)).body).toMatchObject({ status: 'open' });
  });

  it('that leads elsewhere is not followed', async () => {
    answers = [{ path: '/signed', status: 307, headers: { location: '/elsewhere' } }];
    const id = await held();
    await firstAt('/signed', id, 2);
    expect(at('/elsewhere', id)).toEqual([]);
  });
});
