import { describe, expect, it } from '@jest/globals';
import type { Links } from './person.js';
import { mayConfirm } from './requesters.js';
import type { RequestEvent } from './request.js';
import type { BreakGlass, CastVote, Delegation, ReviewGlass } from './voting.js';
import { approval, call, cast, denied, given, granted, noon, one, opened, vote, type Terms } from '../../test/story.js';

const linked: Links = new Map([
  ['al', 'alice'],
  ['ollie', 'olaf'],
]);
/** Alice asks through claude, which belongs to Olaf; a planner stands between. */
const own = (quorum = 1, terms: Partial<Terms> = {}): RequestEvent => opened(quorum, { requester_confirms: true, ...terms });
const inBrowser: Partial<CastVote> = { via: 'browser', fresh: true };
const confirmed = (by: string, groups: string[] = []): RequestEvent => withVia(cast(by, 'approve', { fresh: true, groups }), 'browser');

function withVia(event: RequestEvent, via: string): RequestEvent {
  return { ...event, data: { ...event.data, via } } as RequestEvent;
}

const person = (name: string, agent: string | null = null): Partial<CastVote> => ({ by: { agent, person: name }, ...inBrowser });

describe('requester-confirms: whoever asked lets the call run, where the rules say so', () => {
  it('with a login made for it', () =>
    given(own())
      .when(vote('alice', 'approve', person('alice')))
      .then(confirmed('alice'), granted('alice')));

  it('and only there: it is four eyes everywhere else', () => {
    for (const terms of [{}, { requester_confirms: false }])
      given(opened(1, terms))
        .when(vote('alice', 'approve', person('alice')))
        .thenRefused('four-eyes', /alice asked for this call/);
  });

  it('by a key that is not the one of the agent', () => given(own()).when(vote('alice')).then(cast('alice'), granted('alice')));

  it.each(['claude', 'CLAUDE', ' claude ', 'planner'])('never through the agent %s, whoever it says it is', (agent) => {
    for (const name of ['alice', 'olaf', 'al', 'bob'])
      for (const voice of [person(name, agent), { ...person(name, agent), via: 'api', fresh: false }])
        given(own())
          .when(vote(name, 'approve', { ...voice, links: linked }))
          .thenRefused('four-eyes', /use another key/);
  });

  it.each(['slack', 'browser', 'webhook'])('not in %s without a fresh login: that may be the agent as well', (via) =>
    given(own())
      .when(vote('alice', 'approve', { ...person('alice'), via, fresh: false }))
      .thenRefused('fresh-login', /alice asked for this call, and confirms it with a login made for it/),
  );

  it('by a key not where a fresh login is asked for anyway', () =>
    given(own(1, { fresh_login: true }))
      .when(vote('alice'))
      .thenRefused('fresh-login', /only with a login/));

  it('or keeps it from running, from anywhere', () =>
    given(own())
      .when(vote('alice', 'deny', { ...person('alice'), via: 'slack', fresh: false }))
      .then(withVia(cast('alice', 'deny'), 'slack'), denied('alice')));

  it('under each name, and as the owner of the agent', () => {
    for (const name of ['al', 'olaf', 'Ollie'])
      given(own())
        .when(vote(name, 'approve', { ...person(name), links: linked }))
        .then(confirmed(name), granted(name));
  });

  it('but not whoever stands between them', () =>
    given(own())
      .when(vote('planner', 'approve', person('planner')))
      .thenRefused('four-eyes', /stands between/));

  it('nor who is both', () => {
    const requester = { person: 'alice', agent: 'claude', owner: null, actors: ['Alice'] };
    expect(mayConfirm('alice', { requester, terms: { quorum: 1, expires_s: 60, requester_confirms: true } }, linked)).toBe(false);
  });

  it('others let it run as before', () => given(own()).when(vote('bob')).then(cast('bob'), granted('bob')));
});

describe('those who asked are one person', () => {
  it('however many names they have: a quorum of two needs somebody else', () => {
    given(own(2), confirmed('alice'))
      .when(vote('olaf', 'approve', person('olaf')))
      .then(confirmed('olaf'));
    given(own(2), confirmed('alice'))
      .when(vote('al', 'approve', { ...person('al'), links: linked }))
      .then();
    given(own(2), confirmed('alice'), confirmed('olaf')).when(vote('bob')).then(cast('bob'), granted('alice', 'bob'));
  });

  it('also where the names are linked later', () =>
    given(own(3), confirmed('alice'), confirmed('al'))
      .when(vote('bob', 'approve', { links: linked }))
      .then(cast('bob')));

  it('and stand for one place of a group', () => {
    const terms = { groups: [{ group: 'finance', quorum: 2 }] };
    given(own(2, terms), confirmed('alice', ['finance']))
      .when(vote('olaf', 'approve', { ...person('olaf'), groups: ['finance'] }))
      .then(confirmed('olaf', ['finance']));
  });

  it('whose approval under a name that nobody knew to be theirs counts only when it was given in person', () => {
    const inChat = withVia(cast('al'), 'slack');
    given(own(2), inChat)
      .when(vote('bob', 'approve', { links: linked }))
      .then(cast('bob'));
    // Nor does it keep them from confirming as they should.
    given(own(1), inChat)
      .when(vote('alice', 'approve', { ...person('alice'), links: linked }))
      .then(confirmed('alice'), granted('alice'));
    given(own(1), inChat)
      .when(vote('al', 'approve', { ...person('al'), links: linked }))
      .then(confirmed('al'), granted('al'));
  });
});

describe('what is asked for besides counts for whoever asked, too', () => {
  it('they have to be among the approvers that a rule names', () => {
    const terms = { approvers: [{ groups: ['finance'] }] };
    given(own(1, terms))
      .when(vote('alice', 'approve', person('alice')))
      .thenRefused('not-eligible', /members of finance/);
    given(own(1, terms))
      .when(vote('alice', 'approve', { ...person('alice'), groups: ['finance'] }))
      .then(confirmed('alice', ['finance']), granted('alice'));
  });

  it('they use no right of others, and give nobody theirs', () => {
    const to = (taker: string, from: string): Delegation => ({ from, groups: ['finance'], to: taker, expires_ms: one });
    const terms = { approvers: [{ groups: ['finance'] }] };
    for (const [who, from] of [
      ['alice', 'bob'],
      ['bob', 'alice'],
      ['bob', 'olaf'],
    ] as const)
      given(own(1, terms))
        .when(vote(who, 'approve', { ...person(who), delegations: [to(who, from)] }))
        .thenRefused('not-eligible', /members of finance/);
  });

  it('nobody breaks the glass or reviews it for themselves', () => {
    const glass: BreakGlass = {
      ...{ do: 'break-glass', by: { agent: null, person: 'alice' }, groups: ['on-call'], links: linked, reason: 'it burns', via: 'browser', fresh: true },
      ...{ preview: null, now: noon, overdue: null, review_ms: 1 },
    };
    given(own(1, { break_glass: { groups: ['on-call'] } }))
      .when(glass)
      .thenRefused('four-eyes', /alice asked/);
    const data = {
      approval,
      call,
      binding: 'b1nd1ng',
      by: 'bob',
      groups: ['on-call'],
      reason: 'it burns',
      via: 'browser',
      fresh: true,
      preview: null,
      review_by: '2026-11-23T12:00:00.000Z',
    };
    const review: ReviewGlass = { do: 'review', by: { agent: null, person: 'alice' }, links: linked, verdict: 'justified', comment: '' };
    given(own(2), { type: 'approval.glass.broken', data }, granted('bob'))
      .when(review)
      .thenRefused('four-eyes', /alice asked/);
  });
});

describe('somebody who is no approver', () => {
  const limited = { onlyOwn: true };

  it('confirms what they asked for', () =>
    given(own())
      .when(vote('alice', 'approve', { ...person('alice'), ...limited }))
      .then(confirmed('alice'), granted('alice')));

  it('decides about nothing else', () => {
    for (const verdict of ['approve', 'deny'] as const) {
      given(own())
        .when(vote('bob', verdict, { ...person('bob'), ...limited }))
        .thenRefused('not-eligible', /nothing but calls of their own/);
      given(opened())
        .when(vote('alice', verdict, { ...person('alice'), ...limited }))
        .thenRefused('four-eyes', /alice asked/);
    }
  });
});
