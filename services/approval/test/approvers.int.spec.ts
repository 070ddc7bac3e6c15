import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { callCompleted } from '@customhouse/events/call/events';
import { timestamp } from '@customhouse/kernel/time';
import { loadSettings } from '@customhouse/settings/settings';
import { Identities } from '../src/adapters/identities.js';
import { approvalSettings } from '../src/config.js';
import { eventually, Gateway, type Answer, type HeldData, type Ingress } from './gateway.js';

jest.setTimeout(60_000);

const { url: postgres } = await testPostgres();
let gateway: Gateway;
let ingress: Ingress;

beforeAll(async () => {
  gateway = await Gateway.start({ postgres, settings: { CUSTOMHOUSE_APPROVAL_REVIEW_S: '2', CUSTOMHOUSE_APPROVAL_DELEGATION_S: '86400' } });
  ingress = await gateway.ingress('ingress-1');
}, 120_000);
afterAll(() => gateway?.stop(), 60_000);

async function held(terms: NonNullable<Parameters<Ingress['hold']>[0]>['terms'] = {}, more: Parameters<Ingress['hold']>[0] = {}): Promise<{ held: HeldData; id: string }> {
  const { held: data } = await ingress.hold({ ...more, quorum: terms.quorum ?? 1, terms });
  await gateway.status(data.approval.id, 'open');
  return { held: data, id: data.approval.id };
}

const keys = new Map<string, string>();
/** The key of an approver in these groups. */
async function keyOf(person: string, ...groups: string[]): Promise<string> {
  const name = [person, ...groups].join();
  const known = keys.get(name) ?? (await gateway.key(person, ['approver'], { groups }));
  keys.set(name, known);
  return known;
}
const voteWith = (key: string, id: string, verdict: 'approve' | 'deny' = 'approve', more: object = {}): Promise<Answer> =>
  gateway.ask('POST', `/v1/approvals/${id}/votes`, { verdict, ...more }, key);
const operator = (): Promise<string> => {
  const known = keys.get('olga') ?? gateway.key('olga', ['operator']);
  return Promise.resolve(known).then((key) => {
    keys.set('olga', key);
    return key;
  });
};
const link = async (subject: string, person: string, identity: object = { kind: 'name' }): Promise<Answer> =>
  gateway.ask('POST', '/v1/approvals/identities', { ...identity, subject, person }, await operator());
/** The events about an identity or a delegation, once there are so many. */
const toldOf = (what: 'identity' | 'delegation', id: string, count: number) =>
  eventually('its events are told', async () => {
    const events = (await gateway.everything('customhouse.approvals')).filter((event) => event.data[what] === id);
    return events.length >= count && events;
  });
const tomorrow = (): string => timestamp(Date.now() + 3_600_000);

describe('what rules ask of approvers', () => {
  it('reaches the request, the record and whoever looks', async () => {
    const terms = { quorum: 2, approvers: [{ people: ['bob'], groups: ['finance'] }], groups: [{ group: 'finance', quorum: 1 }], fresh_login: false };
    const { id } = await held(terms, { principal: { owner: 'olaf', delegation: [{ actor: 'planner' }] } });
    const { body } = await gateway.show(id);
    expect(body).toMatchObject({ owner: 'olaf', terms, missing: { people: 2, groups: [{ group: 'finance', missing: 1 }] }, reminded: 0, escalated: null, break_glass: null });
    const [opened] = await gateway.tells(id, 'request.opened');
    expect(opened!.data).toMatchObject({ terms, requester: { owner: 'olaf', actors: ['planner'] } });
  });

  it('keeps out whoever is not named, and waits for members of each group', async () => {
    const { id } = await held({
      quorum: 2,
      approvers: [{ groups: ['finance', 'security'] }],
      groups: [
        { group: 'finance', quorum: 1 },
        { group: 'security', quorum: 1 },
      ],
    });
    expect(await voteWith(await keyOf('eve', 'chess'), id)).toMatchObject({ status: 403, body: { code: 'not-eligible' } });
    expect(await voteWith(await keyOf('eve'), id, 'deny')).toMatchObject({ status: 403, body: { code: 'not-eligible' } });
    expect((await voteWith(await keyOf('bob', 'finance'), id)).body).toMatchObject({
      status: 'open',
      missing: { people: 1, groups: [{ missing: 0 }, { group: 'security', missing: 1 }] },
    });
    expect((await voteWith(await keyOf('carl', 'finance'), id)).body).toMatchObject({
      status: 'open',
      approvers: ['bob', 'carl'],
      missing: { people: 0, groups: [{ missing: 0 }, { missing: 1 }] },
    });
    expect((await voteWith(await keyOf('dora', 'security'), id, 'approve', { preview: 'p'.repeat(43) })).body).toMatchObject({
      status: 'dispatching',
      decided_by: ['bob', 'carl', 'dora'],
    });
    const told = await gateway.tells(id, 'request.opened', 'vote.cast', 'vote.cast', 'vote.cast', 'request.granted', 'dispatcher.named');
    expect(told[3]!.data).toMatchObject({ by: 'dora', for: null, groups: ['security'], via: 'api', fresh: false, preview: 'p'.repeat(43) });
  });

  it('a key is no fresh login', async () => {
    const { id } = await held({ fresh_login: true });
    expect(await gateway.vote(id, 'bob')).toMatchObject({ status: 403, body: { code: 'fresh-login', detail: expect.stringContaining('browser') } });
    expect(await gateway.vote(id, 'bob', 'deny')).toMatchObject({ status: 200, body: { status: 'denied' } });
  });

  it('a held call whose terms were loosened after it was bound is denied before anybody is asked', async () => {
    const { held: data } = await ingress.hold({
      terms: { approvers: [{ people: ['carol'] }] },
      change: (whole) => ({ ...whole, decision: { ...whole.decision, obligations: { approve: { quorum: 1, expires_s: 3600 } } } }),
    });
    expect(await gateway.status(data.approval.id, 'denied')).toMatchObject({ decided_by: ['customhouse'], decision: expect.stringContaining('digest-mismatch') });
  });

  it('reminds and escalates by the clock of the database, also after a restart', async () => {
    const { id } = await held({ approvers: [{ people: ['nobody'] }], remind_s: 1, escalate: { after_s: 1, groups: ['board'] } });
    await gateway.restartService();
    const shown = await eventually('it was escalated and people were reminded', async () => {
      const { body } = await gateway.show(id);
      return body.escalated !== null && body.reminded >= 2 && body;
    });
    expect(Date.parse(shown.escalated) - Date.parse(shown.opened)).toBeGreaterThanOrEqual(1_000);
    expect((await voteWith(await keyOf('grace', 'board'), id)).body).toMatchObject({ status: 'dispatching', decided_by: ['grace'] });
    const told = await eventually('everything is told', async () => {
      const events = await gateway.told(id);
      return events.some((event) => event.type === 'approval.dispatcher.named') && events;
    });
    expect(told.filter((event) => event.type === 'approval.request.escalated')).toHaveLength(1);
    const numbers = told.filter((event) => event.type === 'approval.request.reminded').map((event) => event.data.number);
    expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
  });
});

describe('the same person under another name', () => {
  it('approves no own call: not the requester, nor the owner of the agent, nor who stands between', async () => {
    const { id } = await held({}, { principal: { owner: 'olaf', delegation: [{ actor: 'planner' }] } });
    for (const [name, person] of [
      ['alice@corp.example', 'Alice'],
      ['o.laf', 'olaf'],
      ['p.lanner', 'planner'],
    ] as const) {
      expect(await link(name, person)).toMatchObject({ status: 200, body: { kind: 'name', subject: name, person } });
      for (const own of [name, name.toUpperCase(), person]) expect(await voteWith(await keyOf(own), id)).toMatchObject({ status: 403, body: { code: 'four-eyes' } });
    }
    expect((await gateway.show(id)).body).toMatchObject({ status: 'open', approvers: [] });
  });

  it('counts once, also when the link is found only after both have approved', async () => {
    const { id } = await held({ quorum: 3 });
    expect((await voteWith(await keyOf('robert'), id)).body).toMatchObject({ approvers: ['robert'] });
    expect((await voteWith(await keyOf('rob@corp.example'), id)).body).toMatchObject({ approvers: ['robert', 'rob@corp.example'] });
    expect(await link('rob@corp.example', 'robert')).toMatchObject({ status: 200 });
    expect((await gateway.vote(id, 'carol')).body).toMatchObject({ status: 'open', approvers: ['robert', 'carol'], missing: { people: 1 } });
    expect((await gateway.vote(id, 'dave')).body).toMatchObject({ status: 'dispatching', decided_by: ['robert', 'carol', 'dave'] });
  });

  it('is linked once and to one person, without chains, by operators who keep out of their own', async () => {
    const first = await link('M.Miller', 'mia');
    expect(first).toMatchObject({ status: 200, body: { subject: 'm.miller', person: 'mia', linked_by: 'olga' } });
    expect(await link('m.miller', 'MIA')).toEqual(first);
    expect(await link('m.miller', 'max')).toMatchObject({ status: 409, body: { code: 'identity-taken', detail: expect.stringContaining('mia') } });
    expect(await link('mia', 'mia')).toMatchObject({ status: 409, body: { code: 'identity-taken' } });
    expect(await link('mia', 'max')).toMatchObject({ status: 409, body: { code: 'identity-taken', detail: expect.stringContaining('instead') } });
    // A name that is linked to a further name belongs to the person behind it.
    expect(await link('mm', 'M.Miller')).toMatchObject({ status: 200, body: { person: 'mia' } });
    expect(await link('U1', 'm.miller', { kind: 'slack', authority: 'T1' })).toMatchObject({ status: 200, body: { person: 'mia', authority: 'T1' } });
    expect(await link('U1', 'max', { kind: 'slack', authority: 'T1' })).toMatchObject({ status: 409, body: { code: 'identity-taken' } });
    expect(await link('U1', 'max', { kind: 'slack', authority: 'T2' })).toMatchObject({ status: 200 });
    const key = await operator();
    const list = await gateway.ask('GET', '/v1/approvals/identities?person=mm', undefined, key);
    expect(list.body.items.map((item: { subject: string }) => item.subject).sort()).toEqual(['U1', 'm.miller', 'mm']);
    expect((await gateway.ask('GET', '/v1/approvals/identities?kind=slack&limit=1', undefined, key)).body).toMatchObject({
      items: [{ authority: 'T2' }],
      next: expect.any(String),
    });

    const remove = (id: string, by: string): Promise<{ status: number }> =>
      fetch(`${gateway.service.apiUrl}/v1/approvals/identities/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${by}` } });
    const mia = await gateway.key('mia', ['operator']);
    expect((await remove(first.body.identity, mia)).status).toBe(403);
    expect((await remove(first.body.identity, await keyOf('bob'))).status).toBe(403);
    expect((await remove(first.body.identity, key)).status).toBe(204);
    expect((await remove(first.body.identity, key)).status).toBe(404);
    const events = await toldOf('identity', first.body.identity, 2);
    expect(events.map(({ type, data }) => [type, data.person, data.by])).toEqual([
      ['approval.identity.linked', 'mia', 'olga'],
      ['approval.identity.unlinked', 'mia', 'olga'],
    ]);
  });

  it('stays in its tenant', async () => {
    const elsewhere = await gateway.key('otto', ['operator'], { tenant: 'other' });
    expect(await gateway.ask('POST', '/v1/approvals/identities', { kind: 'name', subject: 'carol', person: 'alice' }, elsewhere)).toMatchObject({ status: 200 });
    expect((await gateway.ask('GET', '/v1/approvals/identities', undefined, elsewhere)).body.items).toHaveLength(1);
    const { id } = await held();
    expect(await gateway.vote(id, 'carol')).toMatchObject({ status: 200, body: { status: 'dispatching' } });
    expect(await gateway.ask('POST', '/v1/approvals/identities', { kind: 'slack', authority: 'T1', subject: 'U1', person: 'eve' }, elsewhere)).toMatchObject({
      status: 409,
      body: { code: 'identity-taken', detail: expect.not.stringContaining('mia') },
    });
  });
});

describe('an account', () => {
  it('decides with what the last login of its person said, for as long as that counts', async () => {
    const source = await new DataSource({ type: 'postgres', url: gateway.environment['CUSTOMHOUSE_DATABASE_URL']!, extra: { options: '-c search_path=approval' } }).initialize();
    try {
      const settings = { ...loadSettings(approvalSettings, {}, () => ''), login_s: 3_600 };
      const identities = new Identities(source, settings);
      const account = { kind: 'slack' as const, authority: 'T9', subject: 'U9' };
      const login = { tenant: 'default', issuer: 'https://login.example', subject: '4711', person: 'Vera@corp.example', groups: ['finance'], approver: true };
      expect(await identities.voterOf(account)).toBe('unknown');
      await identities.link(account, { tenant: 'default', person: 'vera@corp.example', by: 'vera@corp.example' });
      expect(await identities.voterOf(account)).toBe('stale');
      await identities.signedIn(login);
      expect(await identities.voterOf(account)).toEqual({ tenant: 'default', person: 'vera@corp.example', agent: null, groups: ['finance'] });
      await identities.signedIn({ ...login, groups: ['board'] });
      expect(await identities.voterOf(account)).toMatchObject({ groups: ['board'] });
      await identities.signedIn({ ...login, approver: false });
      expect(await identities.voterOf(account)).toBe('not-approver');
      await identities.signedIn(login);
      await gateway.sql(`update people set seen = seen - interval '3601 seconds' where person_key = 'vera@corp.example'`);
      expect(await identities.voterOf(account)).toBe('stale');
      // The same login cannot become somebody else, and another login of the same person is the same person.
      await expect(identities.signedIn({ ...login, person: 'eve' })).rejects.toMatchObject({ body: { code: 'identity-taken' } });
      await identities.signedIn({ ...login, subject: '4712' });
      expect((await identities.list('default', { person: 'vera@corp.example', limit: 10 })).map(({ kind, subject }) => [kind, subject])).toEqual([
        ['oidc', '4712'],
        ['oidc', '4711'],
        ['slack', 'U9'],
      ]);
    } finally {
      await source.destroy();
    }
  });
});

describe('a delegated right', () => {
  const give = (key: string, to: string, expires = tomorrow()): Promise<Answer> => gateway.ask('POST', '/v1/approvals/delegations', { to, expires, reason: 'holidays' }, key);
  const revoke = (key: string, id: string): Promise<number> =>
    fetch(`${gateway.service.apiUrl}/v1/approvals/delegations/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${key}` } }).then(({ status }) => status);

  it('is used by itself where one’s own does not do, goes one step, and ends when it is taken back', async () => {
    const frank = await keyOf('frank', 'finance');
    const gina = await keyOf('gina');
    const hugo = await keyOf('hugo');
    const given = await give(frank, 'Gina');
    expect(given).toMatchObject({ status: 201, body: { from: 'frank', to: 'Gina', groups: ['finance'], revoked: null } });
    expect(await give(gina, 'hugo')).toMatchObject({ status: 201, body: { groups: [] } });
    const terms = { approvers: [{ groups: ['finance'] }], groups: [{ group: 'finance', quorum: 1 }] };
    const { id } = await held({ ...terms, quorum: 2 });
    expect(await voteWith(hugo, id)).toMatchObject({ status: 403, body: { code: 'not-eligible' } });
    expect((await voteWith(gina, id)).body).toMatchObject({ status: 'open', approvers: ['gina'], missing: { people: 1, groups: [{ missing: 0 }] } });
    expect(await voteWith(frank, id)).toMatchObject({ status: 409, body: { code: 'right-used' } });
    const told = await gateway.tells(id, 'request.opened', 'vote.cast');
    expect(told[1]!.data).toMatchObject({ by: 'gina', for: 'frank', groups: ['finance'] });

    const stranger = await keyOf('hugo');
    expect(await revoke(stranger, given.body.delegation)).toBe(403);
    expect(await revoke(gina, given.body.delegation)).toBe(204);
    expect(await revoke(frank, given.body.delegation)).toBe(204);
    const next = await held(terms);
    expect(await voteWith(gina, next.id)).toMatchObject({ status: 403, body: { code: 'not-eligible' } });
    const events = await toldOf('delegation', given.body.delegation, 2);
    expect(events.map(({ type, data }) => [type, data.by ?? data.from])).toEqual([
      ['approval.delegation.given', 'frank'],
      ['approval.delegation.revoked', 'gina'],
    ]);
  });

  it('ends by itself', async () => {
    const ida = await keyOf('ida', 'finance');
    await give(ida, 'jane', timestamp(Date.now() + 3_000));
    await eventually('it has expired', async () => {
      const { body } = await gateway.ask('GET', '/v1/approvals/delegations?valid=true', undefined, ida);
      return body.items.length === 0;
    });
    const { id } = await held({ approvers: [{ groups: ['finance'] }] });
    expect(await voteWith(await keyOf('jane'), id)).toMatchObject({ status: 403, body: { code: 'not-eligible' } });
    expect((await gateway.ask('GET', '/v1/approvals/delegations?valid=false', undefined, ida)).body.items).toMatchObject([{ from: 'ida', to: 'jane' }]);
  });

  it.each<[string, string, () => string]>([
    ['to oneself', 'KIM', tomorrow],
    ['to oneself under another name', 'k.im', tomorrow],
    ['into the past', 'lars', () => timestamp(Date.now() - 1_000)],
    ['for longer than the setting says', 'lars', () => timestamp(Date.now() + 86_500_000)],
    ['until a day that there is not', 'lars', () => '2026-13-32T00:00:00.000Z'],
  ])('is not given %s', async (_, to, expires) => {
    await link('k.im', 'kim');
    expect(await give(await keyOf('kim'), to, expires())).toMatchObject({ status: 409, body: { code: 'delegation-refused' } });
  });

  it('is seen by those whom it concerns, and by operators', async () => {
    const mara = await keyOf('mara', 'finance');
    const { body } = await give(mara, 'nils');
    const seen = async (key: string): Promise<boolean> =>
      (await gateway.ask('GET', '/v1/approvals/delegations', undefined, key)).body.items.some((item: { delegation: string }) => item.delegation === body.delegation);
    expect([await seen(mara), await seen(await keyOf('nils')), await seen(await operator()), await seen(await keyOf('bob'))]).toEqual([true, true, true, false]);
    expect(await revoke(await operator(), body.delegation)).toBe(204);
  });
});

describe('breaking the glass', () => {
  const terms = { quorum: 3, break_glass: { groups: ['on-call'] } };
  const breakGlass = (key: string, id: string, reason = 'payments stand still'): Promise<Answer> => gateway.ask('POST', `/v1/approvals/${id}/break-glass`, { reason }, key);
  const review = (key: string, id: string, verdict = 'justified'): Promise<Answer> => gateway.ask('POST', `/v1/approvals/${id}/review`, { verdict, comment: 'seen' }, key);

  it('lets a call run on one word, is recorded, and waits for the review of somebody else', async () => {
    const { held: data, id } = await held(terms);
    const pia = await keyOf('pia', 'on-call');
    expect(await breakGlass(await keyOf('quin'), id)).toMatchObject({ status: 403, body: { code: 'not-eligible' } });
    expect(await breakGlass(pia, id, ' ')).toMatchObject({ status: 400, body: { code: 'reason-needed' } });
    expect(await breakGlass(pia, (await held()).id)).toMatchObject({ status: 409, body: { code: 'no-break-glass' } });
    expect(await breakGlass(pia, id)).toMatchObject({
      status: 200,
      body: { status: 'dispatching', decided_by: ['pia'], decision: 'approved by pia alone, in an emergency: payments stand still', break_glass: { by: 'pia', review: null } },
    });
    await ingress.dispatch(data);
    await ingress.append(callCompleted, { call: data.call, error: false, result: data.arguments, findings: [], upstream_ms: 1 }, data.session);
    await gateway.status(id, 'closed');
    const closedState = await gateway.stateIs(id, (state) => state.status === 'closed');
    expect((await gateway.ask('GET', '/v1/approvals?review=due', undefined, pia)).body.items).toMatchObject([{ approval: id }]);

    // Overdue: everybody is reminded, and pia cannot do it again.
    await gateway.tells(id, 'request.opened', 'glass.broken', 'request.granted', 'dispatcher.named', 'request.closed', 'request.reminded');
    const next = await held(terms);
    expect(await breakGlass(pia, next.id)).toMatchObject({ status: 403, body: { code: 'review-overdue', detail: expect.stringContaining(id) } });
    expect(await review(pia, id)).toMatchObject({ status: 403, body: { code: 'four-eyes' } });
    expect(await review(await keyOf('alice'), id)).toMatchObject({ status: 403, body: { code: 'four-eyes' } });
    const auditor = await gateway.key('otto', ['auditor']);
    expect(await review(auditor, id, 'unjustified')).toMatchObject({
      status: 200,
      body: { status: 'closed', break_glass: { review: { by: 'otto', verdict: 'unjustified', comment: 'seen' } } },
    });
    expect(await review(auditor, id, 'unjustified')).toMatchObject({ status: 200 });
    expect(await review(await keyOf('bob'), id)).toMatchObject({ status: 409, body: { code: 'already-decided' } });
    expect(await review(auditor, next.id)).toMatchObject({ status: 409, body: { code: 'nothing-to-review' } });
    // A review changes nothing for whoever runs calls, and brings back no state that was taken away.
    expect(await gateway.state(id)).toEqual(closedState);
    expect(await breakGlass(pia, next.id)).toMatchObject({ status: 200, body: { status: 'dispatching' } });
    await review(auditor, next.id);
  });

  it('and everything else is counted', async () => {
    const text = await eventually(
      'the metrics say so',
      async () => {
        const metrics = await (await fetch(`${gateway.service.apiUrl}/metrics`, { headers: { authorization: `Bearer ${await operator()}` } })).text();
        return /customhouse_approval_reviews_due(?:\{[^}]*\})? 0\n/.test(metrics) && metrics;
      },
      45_000,
    );
    expect(text).toMatch(/customhouse_approval_break_glass_total(?:\{[^}]*\})? 2\n/);
    expect(text).toMatch(/customhouse_approval_votes_total\{(?=[^}]*verdict="approve")(?=[^}]*via="api")[^}]*\} \d/);
    expect(text).toMatch(/customhouse_approval_urged_total\{[^}]*how="review-reminded"[^}]*\} [1-9]/);
    expect(text).toMatch(/customhouse_approval_reviews_oldest_age_seconds(?:\{[^}]*\})? 0\n/);
  });

  it('and a denial at the same moment: one of them decides', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id } = await held({ ...terms, quorum: 2 });
      const [broken, denied] = await Promise.all([breakGlass(await keyOf('ruth', 'on-call'), id), gateway.vote(id, 'bob', 'deny')]);
      expect([broken!.status, denied!.status].sort()).toEqual([200, 409]);
      const events = await eventually('it is told', async () => {
        const told = await gateway.told(id);
        return told.some((event) => event.type === 'approval.dispatcher.named') && told;
      });
      expect(events.filter((event) => ['approval.request.granted', 'approval.request.denied'].includes(event.type))).toHaveLength(1);
      if (broken!.status === 200) await review(await keyOf('bob'), id);
      await sleep(1);
    }
  });
});
