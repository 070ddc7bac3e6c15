import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { loadSettings } from '@customhouse/settings/settings';
import { ingressSettings } from '../src/config.js';
import type { ApprovalState, HeldData } from '../src/holds/hold.js';
import { allowEverything, eventually, Gateway } from './support/gateway.js';
import { RawClient } from './support/mcp.js';
import { says, StandInOpa } from './support/opa.js';
import { MischievousServer } from './support/upstream.js';

let opa: StandInOpa;
let upstream: MischievousServer;
let gateway: Gateway;
let client: RawClient;

beforeAll(async () => {
  opa = await StandInOpa.start();
  upstream = await MischievousServer.start();
  gateway = await Gateway.start({
    environment: {
      CUSTOMHOUSE_POLICY_OPA_URL: opa.url,
      CUSTOMHOUSE_POLICY_OPA_TOKEN: 'a-token',
      CUSTOMHOUSE_POLICY_OPA_ARGUMENTS: '/message',
      CUSTOMHOUSE_POLICY_OPA_TIMEOUT_MS: '2000',
      CUSTOMHOUSE_POLICY_OPA_CONCURRENCY: '2',
      CUSTOMHOUSE_POLICY_OPA_QUEUE: '3',
      CUSTOMHOUSE_INGRESS_HOLD_MS: '200',
    },
  });
  await gateway.addServer('mischief', upstream.transport, ['read-only']);
  client = new RawClient(gateway.url, { authorization: `Bearer ${await gateway.issueKey()}` });
  await client.initialize();
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
  await opa?.close();
}, 30_000);
beforeEach(() => {
  opa.questions.length = 0;
  opa.busy.most = 0;
  opa.answer = says({ result: true });
});

const echo = (message = 'hi'): Promise<JsonObject> => client.call('mischief__echo', { message, secret: 'not for others' });
const sent = (): number => upstream.callsOf('echo').length;
const last = async (type: string): Promise<StoredEvent<any>> => (await gateway.events()).findLast((event) => event.type === type)!;
const rulesOf = (answer: JsonObject): unknown => (answer['result'] as { _meta: { 'customhouse/decision'?: { rules: string[] } } })._meta['customhouse/decision']?.rules;

describe('an external policy', () => {
  it('is asked with the input of the decision, and the call goes on when it allows', async () => {
    expect(await echo('let me')).toMatchObject({ result: { content: [{ text: 'let me' }] } });
    expect(opa.questions).toHaveLength(1);
    const { input, authorization, path } = opa.questions[0]!;
    expect([path, authorization]).toEqual(['/v1/data/company/customhouse', 'Bearer a-token']);
    expect(input).toMatchObject({
      principal: { agent: 'robot', person: 'ada@example.com' },
      method: 'tools/call',
      server: 'mischief',
      tool: 'echo',
      labels: ['read-only'],
      arguments: { '/message': 'let me' },
    });
    expect(JSON.stringify(input)).not.toContain('not for others');
    expect((await last('call.admitted')).data.decision).toMatchObject({
      effect: 'allow',
      rules: [{ id: 'allow-everything' }, { id: 'external-policy', effect: 'allow', reason: 'The external policy allows this call.' }],
      policy: { external: opa.url },
    });
  });

  it.each<[string, unknown, string]>([
    ['false', { result: false }, 'The external policy refuses this call.'],
    ['allow: false with a reason', { result: { allow: false, reason: 'Not on a Sunday.' } }, 'Not on a Sunday.'],
    ['effect: refuse', { result: { effect: 'refuse', reason: 'Never.' } }, 'Never.'],
  ])('refuses with %s, by a rule of its own and in its words', async (_, answer, reason) => {
    opa.answer = says(answer);
    const before = sent();
    const refused = await echo();
    expect(rulesOf(refused)).toEqual(['external-policy', 'allow-everything']);
    expect(JSON.stringify(refused)).toContain(`${reason} (rule external-policy)`);
    expect(sent()).toBe(before);
    expect((await last('call.refused')).data).toMatchObject({ reason: 'external-policy', decision: { policy: { external: opa.url } } });
  });

  it('has a call held, which is asked about again before it is sent', async () => {
    opa.answer = says({ result: { effect: 'hold', reason: 'Somebody should look.' } });
    const before = sent();
    expect(JSON.stringify(await echo('look'))).toContain('Approval pending');
    const { data, position } = (await last('call.held')) as StoredEvent & { data: HeldData };
    expect(data.decision).toMatchObject({
      effect: 'hold',
      rules: [{ id: 'external-policy' }, { id: 'allow-everything' }],
      obligations: { approve: { quorum: 1, expires_s: 3600 } },
    });
    // While it cannot be asked, the approved call waits.
    let asked = 0;
    opa.answer = (response) => {
      asked += 1;
      says({ result: asked > 2 }, asked > 2 ? 200 : 503)(response);
    };
    const state: ApprovalState = {
      ...{ approval: data.approval.id, call: data.call, binding: data.approval.binding, expires: data.approval.expires, reason: 'fine', decided_by: ['bob@example.com'] },
      ...{ held: position, outcome: null, status: 'dispatching' },
      dispatcher: { instance: gateway.writer.instance, epoch: gateway.writer.epoch, attempt: 1, searched: position.offset },
    };
    await gateway.publishApproval(state);
    await eventually(() => sent() === before + 1, 30_000);
    expect(asked).toBe(3);
  }, 60_000);

  it('that refuses by then has an approved call denied', async () => {
    opa.answer = says({ result: { effect: 'hold' } });
    await echo('too late');
    const { data, position } = (await last('call.held')) as StoredEvent & { data: HeldData };
    opa.answer = says({ result: false });
    const before = sent();
    await gateway.publishApproval({
      ...{ approval: data.approval.id, call: data.call, binding: data.approval.binding, expires: data.approval.expires, reason: 'fine', decided_by: ['bob@example.com'] },
      ...{ held: position, outcome: null, status: 'dispatching' },
      dispatcher: { instance: gateway.writer.instance, epoch: gateway.writer.epoch, attempt: 1, searched: position.offset },
    });
    await eventually(async () => (await last('call.denied'))?.data.call === data.call, 30_000);
    expect((await last('call.denied')).data.reason).toBe('policy-changed');
    expect(sent()).toBe(before);
  }, 60_000);

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['never', () => undefined, 'it did not answer within 2000 ms'],
    ['with a status', says({}, 500), 'it answered with the status 500'],
    ['with a redirect', (response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), 'no answer'],
    ['by breaking the connection', (response) => void response.destroy(), 'no answer'],
    ['with what is no JSON', says('true?'), 'no answer'],
    ['that it has no decision', says({}), 'the document is undefined'],
    ['with a text', says({ result: 'yes' }), 'neither true, false nor an object'],
    ['with an object that says nothing', says({ result: { allowed: true } }), 'neither \\"allow\\"'],
    ['with two answers', says({ result: { allow: true, effect: 'refuse' } }), 'both \\"effect\\" and \\"allow\\"'],
    ['with a text for a boolean', says({ result: { allow: 'true' } }), 'neither \\"allow\\"'],
    ['without end', (response) => void response.end(JSON.stringify({ result: true, more: 'x'.repeat(100_000) })), 'more than 65536 bytes'],
  ])(
    'that answers %s refuses, and the log of the gateway says why',
    async (_, answer, problem) => {
      opa.answer = answer;
      const before = sent();
      const refused = await echo();
      expect(rulesOf(refused)).toEqual(['external-policy-unavailable', 'allow-everything']);
      expect(JSON.stringify(refused)).toContain(problem);
      expect(sent()).toBe(before);
      expect(gateway.logLines.some((line) => line['msg'] === 'the external policy gave no answer; the call was refused')).toBe(true);
      expect(JSON.stringify(gateway.logLines)).not.toContain('a-token');
    },
    20_000,
  );

  it('is not asked about what the own policy refuses, or somebody stopped', async () => {
    await gateway.activate([{ id: 'never', effect: 'refuse', reason: 'No.', tools: ['*/*'] }]);
    expect(rulesOf(await echo())).toEqual(['never']);
    await gateway.activate(allowEverything);
    await gateway.stop('agent', 'robot');
    await eventually(async () => JSON.stringify(await echo()).includes('rule stopped'));
    const asked = opa.questions.length;
    await echo();
    expect(opa.questions.length).toBe(asked);
    await gateway.lift('agent', 'robot');
    await eventually(async () => JSON.stringify(await echo('again')).includes('again'));
  }, 30_000);

  it('is asked so many questions at once and no more: some wait, and what is too much is refused', async () => {
    const open: ServerResponse[] = [];
    opa.answer = (response) => void open.push(response);
    const answers = Array.from({ length: 6 }, () => echo());
    // Two are asked, three wait, and the sixth finds no place.
    const refused = await Promise.race(answers);
    expect(JSON.stringify(refused)).toContain('2 questions are being answered and 3 wait already');
    opa.answer = says({ result: true });
    await eventually(() => open.length === 2);
    for (const response of open) says({ result: true })(response);
    const all = await Promise.all(answers);
    expect(all.filter((answer) => rulesOf(answer) === undefined)).toHaveLength(5);
    expect(opa.busy.most).toBe(2);
  }, 30_000);
});

describe('the settings of an external policy', () => {
  it.each(['opa:8181', 'ftp://opa/x', 'http://user:secret@opa:8181/v1/data/x', 'http://opa:8181/v1/data/x?token=secret', 'http://opa:8181/#x', 'http://'])(
    'refuse %s, and do not repeat it',
    (url) => {
      let problem = '';
      try {
        loadSettings(ingressSettings, { CUSTOMHOUSE_POLICY_OPA_URL: url }, () => '');
      } catch (error) {
        problem = String(error);
      }
      expect(problem).toContain('CUSTOMHOUSE_POLICY_OPA_URL');
      expect(problem).not.toContain('secret');
    },
  );
});
