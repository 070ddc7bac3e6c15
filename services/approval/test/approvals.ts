import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { callAborted, callCompleted, callDenied, callOutcomeCollected, callOutcomeLost, callWithdrawn } from '@customhouse/events/call/events';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { eventually, Gateway, type HeldData, type Ingress } from './gateway.js';

export interface Engines {
  /** A PostgreSQL server on which databases may be made. */
  readonly postgres: string;
  /** The log, when it is not PostgreSQL as well. */
  readonly logUrl?: string;
}

jest.setTimeout(60_000);

const flow = ['request.opened', 'vote.cast', 'request.granted', 'dispatcher.named', 'request.closed'];

/** The scenarios of the service, whatever the log is. */
export function approvals(engines: Engines): void {
  let gateway: Gateway;
  let ingress: Ingress;

  beforeAll(async () => {
    gateway = await Gateway.start(engines);
    ingress = await gateway.ingress('ingress-1');
  }, 120_000);
  afterAll(() => gateway?.stop(), 60_000);

  const held = async (options: Parameters<Ingress['hold']>[0] = {}): Promise<{ held: HeldData; id: string }> => {
    const { held: data } = await ingress.hold(options);
    await gateway.status(data.approval.id, 'open', 'denied', 'expired');
    return { held: data, id: data.approval.id };
  };
  const completed = (data: HeldData) => ({ call: data.call, error: false, result: data.arguments, findings: [], upstream_ms: 5 });

  describe('a held call', () => {
    it('is granted by another person, run by the process that holds it, and closed with its outcome', async () => {
      const { held: data, id } = await held();
      const answer = await gateway.vote(id, 'bob', 'approve', { binding: data.approval.binding });
      expect(answer).toMatchObject({
        status: 200,
        body: { approval: id, status: 'dispatching', approvers: ['bob'], decided_by: ['bob'], dispatcher: { instance: 'ingress-1', epoch: ingress.writer.epoch, attempt: 1 } },
      });
      const named = await gateway.stateIs(id, (state) => state.dispatcher !== null);
      expect(named).toMatchObject({
        status: 'dispatching',
        binding: data.approval.binding,
        call: data.call,
        expires: data.approval.expires,
        decided_by: ['bob'],
        outcome: null,
        dispatcher: { instance: 'ingress-1', attempt: 1 },
      });
      await ingress.dispatch(data);
      const end = await ingress.append(callCompleted, completed(data), data.session);
      expect(await gateway.status(id, 'closed')).toMatchObject({ terminal: 'call.completed', decided_by: ['bob'] });
      expect(await gateway.stateIs(id, (state) => state.status === 'closed')).toMatchObject({ outcome: end.position });
      const events = await gateway.tells(id, ...flow);
      expect(events[0]!.data).toEqual({
        approval: id,
        call: data.call,
        binding: data.approval.binding,
        requester: { tenant: 'default', agent: 'claude', person: 'alice', owner: null, actors: [] },
        method: 'tools/call',
        server: 'bank',
        tool: 'transfer',
        rules: ['hold-transfers'],
        reason: 'Money leaves the house.',
        terms: { quorum: 1, expires_s: 3600 },
        opened: expect.stringMatching(/Z$/),
        expires: data.approval.expires,
        held: named.held,
      });
      expect(await gateway.log.read(named.held)).toMatchObject({ key: data.session });
      expect(events[3]!.data.searched).toBeGreaterThan(named.held.offset);
    });

    it('leaves the topic of states once its outcome has reached the client, and stays readable', async () => {
      const { held: data, id } = await held();
      await gateway.vote(id, 'bob', 'approve', { binding: data.approval.binding });
      await gateway.stateIs(id, (state) => state.dispatcher !== null);
      await ingress.dispatch(data);
      await ingress.append(callCompleted, completed(data), data.session);
      await gateway.stateIs(id, (state) => state.status === 'closed');
      await ingress.append(callOutcomeCollected, { call: data.call, approval: id }, data.session);
      await eventually('the state is removed', async () => (await gateway.state(id)) === undefined || undefined);
      expect(await gateway.status(id, 'closed')).toMatchObject({ terminal: 'call.completed' });
    });

    it('is cancelled when its client withdraws it, and no longer once a process was told to run it', async () => {
      const { held: data, id } = await held();
      await ingress.append(callWithdrawn, { call: data.call, approval: id }, data.session);
      expect(await gateway.stateIs(id, (state) => state.dispatcher !== null)).toMatchObject({
        status: 'cancelled',
        decided_by: ['customhouse'],
        reason: 'its client withdrew the call',
        dispatcher: { instance: 'ingress-1' },
      });
      const { held: other, id: decided } = await held();
      await gateway.vote(decided, 'bob', 'approve', { binding: other.approval.binding });
      await gateway.stateIs(decided, (state) => state.dispatcher !== null);
      await ingress.append(callWithdrawn, { call: other.call, approval: decided }, other.session);
      await ingress.dispatch(other);
      await ingress.append(callCompleted, completed(other), other.session);
      expect(await gateway.status(decided, 'closed')).toMatchObject({ terminal: 'call.completed', decided_by: ['bob'] });
    });

    it('is about a resource by its URI as well as about a tool by its name', async () => {
      const uri = 'file:///accounts/2026.csv';
      const { id } = await held({ aim: { method: 'resources/read', tool: uri, definition: null } });
      const { body } = await gateway.show(id);
      expect(body).toMatchObject({ method: 'resources/read', server: 'bank', tool: uri });
      expect(body.rendering.split('\n').slice(0, 3)).toEqual(['method: resources/read', `uri: ${uri}`, 'definition: none']);
    });

    it('is shown as it would run, and the same to everybody', async () => {
      const { held: data, id } = await held({ args: { to: 'DE02', amount: 12.5, memo: 'rent\u202E', body: 'x'.repeat(5_000) } });
      const { status, body } = await gateway.show(id);
      expect(status).toBe(200);
      expect(body.rendering.split('\n')).toEqual([
        'method: tools/call',
        'tool: transfer',
        'definition: definition-1',
        'server: bank',
        'generation: 1',
        'agent: claude',
        'person: alice',
        'rules: hold-transfers',
        'policy: 7 (policy-7)',
        `expires: ${data.approval.expires}`,
        `binding: ${data.approval.binding}`,
        'arguments:',
        '  /amount = 12.5',
        `  /body = hidden (long), 5002 characters, digest ${gateway.sealer.digest(JSON.stringify('x'.repeat(5_000)))}`,
        '  /memo = "rent\\u{202E}"',
        '  /to = "DE02"',
      ]);
      expect(body.complete).toBe(false);
      expect(body.preview).toBe(createHash('sha256').update(body.rendering).digest('base64url'));
      const auditor = await gateway.key('otto', ['auditor']);
      expect((await gateway.ask('GET', `/v1/approvals/${id}`, undefined, auditor)).body).toEqual(body);
    });

    it('is shown without its arguments when they were erased', async () => {
      const { held: data, id } = await held({ change: (whole) => ({ ...whole, arguments: { ...whole.arguments, key: newUlid() } }) });
      const { body } = await gateway.show(id);
      expect(body.rendering).toContain(`arguments: hidden (the data of the person were erased), digest ${data.arguments.digest}`);
      expect(body.complete).toBe(false);
    });

    it('never runs when somebody says no: the process that holds it is named to record the denial', async () => {
      const { held: data, id } = await held({ quorum: 3 });
      await gateway.vote(id, 'bob');
      expect(await gateway.vote(id, 'carol', 'deny')).toMatchObject({
        status: 200,
        body: { status: 'denied', decided_by: ['carol'], decision: 'carol looked at it', dispatcher: { instance: 'ingress-1' } },
      });
      expect(await gateway.stateIs(id, (state) => state.status === 'denied')).toMatchObject({ dispatcher: { instance: 'ingress-1', attempt: 1 }, reason: 'carol looked at it' });
      await ingress.append(callDenied, { call: data.call, approval: id, reason: 'denied', message: 'no' }, data.session);
      await gateway.status(id, 'closed');
      await gateway.tells(id, 'request.opened', 'vote.cast', 'vote.cast', 'request.denied', 'dispatcher.named', 'request.closed');
    });

    it('expires by itself', async () => {
      const { id } = await held({ expires_ms: 700 });
      expect(await gateway.status(id, 'expired')).toMatchObject({ decision: 'nobody decided in time', dispatcher: { instance: 'ingress-1' } });
      expect(await gateway.vote(id, 'bob')).toMatchObject({ status: 409, body: { code: 'expired' } });
      await gateway.tells(id, 'request.opened', 'request.expired', 'dispatcher.named');
    });

    it('can be withdrawn by the person who asked, and by an operator', async () => {
      const { id } = await held();
      const alice = await gateway.key('alice', ['agent']);
      const bob = await gateway.approver('bob');
      expect(await gateway.ask('POST', `/v1/approvals/${id}/cancel`, { reason: 'no need' }, bob)).toMatchObject({ status: 403, body: { code: 'not-yours' } });
      expect(await gateway.ask('POST', `/v1/approvals/${id}/cancel`, { reason: 'no need' }, alice)).toMatchObject({
        status: 200,
        body: { status: 'cancelled', decided_by: ['alice'], decision: 'no need' },
      });
      expect(await gateway.vote(id, 'bob')).toMatchObject({ status: 409, body: { code: 'already-decided' } });
      const other = await held();
      const operator = await gateway.key('olga', ['operator']);
      expect((await gateway.ask('POST', `/v1/approvals/${other.id}/cancel`, {}, operator)).body).toMatchObject({ status: 'cancelled', decided_by: ['olga'] });
    });

    it('whose stored copy does not fit its binding is denied before anybody is asked', async () => {
      const { id } = await held({ change: (whole) => ({ ...whole, tool: 'transfer-all' }) });
      expect(await gateway.status(id, 'denied')).toMatchObject({ decided_by: ['customhouse'], decision: expect.stringContaining('digest-mismatch') });
    });

    it('that ends before anybody decides closes its request', async () => {
      const { held: data, id } = await held();
      await ingress.append(callAborted, { call: data.call, reason: 'shutdown' }, data.session);
      expect(await gateway.status(id, 'closed')).toMatchObject({ terminal: 'call.aborted', dispatcher: null, decided: null });
      expect(await gateway.vote(id, 'bob')).toMatchObject({ status: 409, body: { code: 'already-decided' } });
    });
  });

  describe('four-eyes', () => {
    it('whoever asked for the call decides nothing, in whatever spelling, nor does anybody through the same agent', async () => {
      const { id } = await held();
      for (const person of ['alice', 'Alice', 'ALICE'])
        expect(await gateway.vote(id, person)).toMatchObject({ status: 403, body: { code: 'four-eyes', type: 'urn:customhouse:problem:four-eyes' } });
      const through = await gateway.key('dave', ['approver'], { agent: 'claude' });
      expect(await gateway.ask('POST', `/v1/approvals/${id}/votes`, { verdict: 'approve' }, through)).toMatchObject({ status: 403, body: { code: 'four-eyes' } });
      expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: [] });
    });

    it('a quorum is made of distinct people', async () => {
      const { id } = await held({ quorum: 2 });
      const second = await gateway.key('bob', ['approver'], { agent: 'phone' });
      expect((await gateway.vote(id, 'bob')).body).toMatchObject({ status: 'open', approvers: ['bob'] });
      expect((await gateway.ask('POST', `/v1/approvals/${id}/votes`, { verdict: 'approve' }, second)).body).toMatchObject({ status: 'open', approvers: ['bob'] });
      expect((await gateway.vote(id, 'Bob')).body).toMatchObject({ status: 'open', approvers: ['bob'] });
      expect((await gateway.vote(id, 'carol')).body).toMatchObject({ status: 'dispatching', decided_by: ['bob', 'carol'] });
    });
  });

  describe('a vote', () => {
    it('that is repeated counts once and is answered as before', async () => {
      const { id } = await held();
      const first = await gateway.vote(id, 'bob');
      expect(await gateway.vote(id, 'bob')).toEqual(first);
      await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
      expect(await gateway.vote(id, 'bob', 'deny')).toMatchObject({ status: 409, body: { code: 'already-decided', detail: expect.stringContaining('by bob') } });
    });

    it('for another binding is refused and burns nothing', async () => {
      const { held: data, id } = await held();
      expect(await gateway.vote(id, 'bob', 'approve', { binding: 'another' })).toMatchObject({ status: 409, body: { code: 'digest-mismatch' } });
      expect(await gateway.vote(id, 'bob', 'approve', { binding: data.approval.binding })).toMatchObject({ status: 200 });
    });

    it('of fifty at once decides once', async () => {
      const { id } = await held({ quorum: 3 });
      const people = Array.from({ length: 50 }, (_, index) => `voter-${index}`);
      await Promise.all(people.map((person) => gateway.approver(person)));
      const answers = await Promise.all(people.map((person, index) => gateway.vote(id, person, index % 10 === 9 ? 'deny' : 'approve')));
      const accepted = answers.filter(({ status }) => status === 200).length;
      const refused = answers.filter(({ status, body }) => status === 409 && body.code === 'already-decided').length;
      expect([accepted + refused, accepted >= 1 && accepted <= 3]).toEqual([50, true]);
      await gateway.status(id, 'dispatching', 'denied');
      const events = await eventually('the decision is told', async () => {
        const told = await gateway.told(id);
        return told.some((event) => event.type === 'approval.dispatcher.named') && told;
      });
      expect(events.filter((event) => ['approval.request.granted', 'approval.request.denied'].includes(event.type))).toHaveLength(1);
      expect(events.filter((event) => event.type === 'approval.vote.cast')).toHaveLength(accepted);
      expect(events.filter((event) => event.type === 'approval.dispatcher.named')).toHaveLength(1);
    });
  });

  describe('the control API', () => {
    it('is for those with the role', async () => {
      const { id } = await held();
      const agent = await gateway.key('alice', ['agent']);
      const auditor = await gateway.key('otto', ['auditor']);
      const operator = await gateway.key('olga', ['operator']);
      const statuses = async (key: string) => [
        (await gateway.ask('GET', '/v1/approvals', undefined, key)).status,
        (await gateway.ask('GET', `/v1/approvals/${id}`, undefined, key)).status,
        (await gateway.ask('POST', `/v1/approvals/${id}/votes`, { verdict: 'approve' }, key)).status,
      ];
      expect(await statuses(agent)).toEqual([403, 403, 403]);
      expect(await statuses(auditor)).toEqual([200, 200, 403]);
      expect(await statuses(operator)).toEqual([200, 403, 403]);
      expect(await statuses('chk_0123456789abcdef_x')).toEqual([401, 401, 401]);
    });

    it('shows a tenant nothing of another', async () => {
      const { id } = await held();
      const stranger = await gateway.key('eve', ['approver', 'operator', 'auditor'], { tenant: 'other' });
      expect((await gateway.ask('GET', '/v1/approvals', undefined, stranger)).body).toEqual({ items: [], next: null });
      expect(await gateway.ask('GET', `/v1/approvals/${id}`, undefined, stranger)).toMatchObject({ status: 404 });
      expect(await gateway.ask('POST', `/v1/approvals/${id}/votes`, { verdict: 'approve' }, stranger)).toMatchObject({ status: 404, body: { code: 'not-found' } });
      expect(await gateway.ask('POST', `/v1/approvals/${id}/cancel`, {}, stranger)).toMatchObject({ status: 404 });
    });

    it('lists newest first, filtered, page by page', async () => {
      const ids: string[] = [];
      for (let index = 0; index < 3; index += 1) ids.unshift((await held({ change: (whole) => ({ ...whole, principal: { ...whole.principal, agent: 'lister' } }) })).id);
      const key = await gateway.approver('reader');
      const list = async (query: string) => (await gateway.ask('GET', `/v1/approvals?agent=lister&limit=2${query}`, undefined, key)).body;
      const first = await list('');
      expect(first.items.map((item: { approval: string }) => item.approval)).toEqual(ids.slice(0, 2));
      const second = await list(`&cursor=${first.next}`);
      expect(second.items.map((item: { approval: string }) => item.approval)).toEqual(ids.slice(2));
      expect(second.next).toBeNull();
      expect((await list('&tool=other')).items).toEqual([]);
      expect((await list('&person=alice&server=bank&tool=transfer')).items).toHaveLength(2);
      expect(first.items[0]).not.toHaveProperty('held');
    });

    it.each([
      ['GET', '/v1/approvals?status=unknown', undefined, '/query/status'],
      ['GET', '/v1/approvals?limit=0', undefined, '/query/limit'],
      ['GET', '/v1/approvals?cursor=%00', undefined, '/query/cursor'],
      ['GET', '/v1/approvals?colour=red', undefined, '/query'],
      ['GET', '/v1/approvals/not-a-ulid', undefined, '/path/approval'],
      ['POST', '/v1/approvals/01K00000000000000000000000/votes', { verdict: 'perhaps' }, '/body/verdict'],
      ['POST', '/v1/approvals/01K00000000000000000000000/votes', { verdict: 'approve', reason: 'a\u0000b' }, '/body/reason'],
      ['POST', '/v1/approvals/01K00000000000000000000000/votes', { verdict: 'approve', reason: 'x'.repeat(1_001) }, '/body/reason'],
      ['POST', '/v1/approvals/01K00000000000000000000000/votes', { verdict: 'approve', as: 'bob' }, '/body'],
      ['POST', '/v1/approvals/01K00000000000000000000000/votes', undefined, '/body'],
    ])('answers %s %s with what is wrong (%#)', async (method, path, body, pointer) => {
      const { status, body: problem } = await gateway.ask(method, path, body, await gateway.approver('reader'));
      expect(status).toBe(400);
      expect(problem).toMatchObject({ code: 'invalid-request', problems: [expect.objectContaining({ pointer })] });
    });

    it('does not know a request that does not exist', async () => {
      expect(await gateway.show('01K00000000000000000000000')).toMatchObject({ status: 404 });
      expect(await gateway.vote('01K00000000000000000000000', 'bob')).toMatchObject({ status: 404, body: { code: 'not-found' } });
    });

    it('tells how many wait and how they ended', async () => {
      const operator = await gateway.key('olga', ['operator']);
      const response = await fetch(`${gateway.service.apiUrl}/metrics`, { headers: { authorization: `Bearer ${operator}` } });
      const text = await response.text();
      expect(text).toMatch(/customhouse_approval_requests_opened_total(?:\{[^}]*\})? [1-9]/);
      expect(text).toMatch(/customhouse_approval_decision_seconds_count\{[^}]*decision="granted"[^}]*\} [1-9]/);
      expect(text).toMatch(/customhouse_approval_dispatchers_named_total\{[^}]*attempt="first"[^}]*\} [1-9]/);
    });
  });

  describe('a record that is delivered twice', () => {
    it('opens one request, counts one dispatch, closes once', async () => {
      const { held: data, recorded } = await ingress.hold();
      const id = data.approval.id;
      await gateway.status(id, 'open');
      const again = (await gateway.log.read(recorded.position))!;
      await ingress.writer.appendRaw([again]);
      await gateway.vote(id, 'bob');
      await ingress.writer.appendRaw([again]);
      await ingress.dispatch(data);
      const end = await ingress.append(callCompleted, completed(data), data.session);
      await ingress.writer.appendRaw([again, (await gateway.log.read(end.position))!]);
      await ingress.append(callCompleted, completed(data), data.session);
      await gateway.status(id, 'closed');
      const next = await held();
      await gateway.vote(next.id, 'bob');
      // Whatever the duplicates led to was told before this.
      await gateway.tells(next.id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
      await gateway.tells(id, ...flow);
      expect(await gateway.state(id)).toMatchObject({ status: 'closed', outcome: end.position });
    });
  });

  describe('a record that is not what it should be', () => {
    it('is put aside, and what comes after it is processed', async () => {
      const { held: data } = await ingress.hold({ change: (whole) => ({ ...whole, approval: { ...whole.approval, expires: '2026-99-99T99:99:99.999Z' } }) });
      const { id } = await held();
      await gateway.vote(id, 'bob');
      expect(await gateway.show(data.approval.id)).toMatchObject({ status: 404 });
      const dead = await gateway.sql('select reason from dead_letters where group_name = $1', ['approval.requests']);
      expect(dead.length).toBeGreaterThanOrEqual(1);
    });
  });

  describe('a restart', () => {
    it('between every two steps loses nothing and repeats nothing', async () => {
      const { held: data, recorded } = await ingress.hold({ quorum: 2 });
      const id = data.approval.id;
      await gateway.restartService();
      await gateway.status(id, 'open');
      await gateway.restartService();
      await gateway.vote(id, 'bob');
      await gateway.restartService();
      expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: ['bob'] });
      await gateway.vote(id, 'carol');
      await gateway.restartService();
      expect(await gateway.stateIs(id, (state) => state.status === 'dispatching')).toMatchObject({ dispatcher: { instance: 'ingress-1', attempt: 1 }, held: recorded.position });
      await gateway.service.close();
      await ingress.dispatch(data);
      await gateway.startService();
      await gateway.service.close();
      await ingress.append(callCompleted, completed(data), data.session);
      await gateway.startService();
      await gateway.status(id, 'closed');
      await gateway.restartService();
      await gateway.tells(id, 'request.opened', 'vote.cast', 'vote.cast', 'request.granted', 'dispatcher.named', 'request.closed');
      expect(await gateway.state(id)).toMatchObject({ status: 'closed', decided_by: ['bob', 'carol'] });
    });

    it('finds what expired while the service was away, and a call that was held and ended meanwhile', async () => {
      const waiting = await held({ expires_ms: 1_500 });
      await gateway.service.close();
      const during = await ingress.hold({ expires_ms: 300 });
      const ended = await ingress.hold();
      await ingress.append(callOutcomeLost, { call: ended.held.call, reason: 'writer-gone' }, ended.held.session);
      await sleep(1_500);
      await gateway.startService();
      for (const id of [waiting.id, during.held.approval.id]) {
        expect(await gateway.status(id, 'expired')).toMatchObject({ approvers: [], dispatcher: { instance: 'ingress-1' } });
        await gateway.tells(id, 'request.opened', 'request.expired', 'dispatcher.named');
      }
      expect(await gateway.status(ended.held.approval.id, 'closed')).toMatchObject({ terminal: 'call.outcome.lost' });
    });

    it('takes ended requests out of the topic of states after their time', async () => {
      const { held: data, id } = await held();
      await ingress.append(callAborted, { call: data.call, reason: 'shutdown' }, data.session);
      await gateway.status(id, 'closed');
      await gateway.service.close();
      await gateway.startService({ CUSTOMHOUSE_APPROVAL_STATE_RETENTION_S: '0' });
      await eventually('the state is gone', async () => (await gateway.state(id)) === undefined);
      expect((await gateway.show(id)).body).toMatchObject({ status: 'closed' });
      await gateway.restartService();
    });
  });

  describe('while the database is away', () => {
    it('nothing is decided, and everything goes on when it is back', async () => {
      const { id } = await held();
      const database = new URL(gateway.environment['CUSTOMHOUSE_DATABASE_URL']!).pathname.slice(1);
      await admin(`alter database ${database} allow_connections false`, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`);
      const refused = await gateway.vote(id, 'bob');
      expect(refused.status).toBeGreaterThanOrEqual(500);
      const { held: meanwhile } = await ingress.hold();
      await sleep(1_000);
      await admin(`alter database ${database} allow_connections true`);
      await gateway.status(meanwhile.approval.id, 'open');
      expect(await gateway.vote(id, 'bob')).toMatchObject({ status: 200, body: { status: 'dispatching' } });
      await gateway.tells(id, 'request.opened', 'vote.cast', 'request.granted', 'dispatcher.named');
    });

    async function admin(...statements: string[]): Promise<void> {
      const { default: pg } = await import('pg');
      const client = new pg.Client({ connectionString: engines.postgres });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
    }
  });
}
