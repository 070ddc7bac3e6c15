import { describe, expect, it } from '@jest/globals';
import { decide, type Command } from './decide.js';
import type { Links } from './person.js';
import { evolve, initial, type Request, type RequestEvent } from './request.js';
import type { BreakGlass, Delegation, ReviewGlass } from './voting.js';
import { approval, call, cast, closed, denied, expired, given, granted, named, noon, one, opened, vote } from '../../test/story.js';

const linked: Links = new Map([
  ['al', 'alice'],
  ['ollie', 'olaf'],
  ['bobby', 'bob'],
  ['a.planner', 'planner'],
]);
const escalated = (...groups: string[]): RequestEvent => ({ type: 'approval.request.escalated', data: { approval, call, groups } });
const to = (taker: string, from: string, groups: string[] = [], expires_ms = one): Delegation => ({ from, groups, to: taker, expires_ms });

describe('four-eyes: nobody decides about a call of their own', () => {
  it.each<[string, string, RegExp]>([
    ['the person who asked', 'alice', /alice asked for this call/],
    ['the person who asked, by a linked name', 'al', /al asked for this call/],
    ['the person who asked, by a linked name in other letters', ' AL ', /asked for this call/],
    ['the owner of the agent', 'Olaf', /claude belongs to Olaf/],
    ['the owner of the agent, by a linked name', 'ollie', /belongs to ollie/],
    ['who stands in the chain of delegation', 'planner', /stands between/],
    ['who stands in the chain of delegation, by a linked name', 'a.planner', /stands between/],
  ])('%s', (_, person, message) => {
    for (const verdict of ['approve', 'deny'] as const)
      given(opened())
        .when(vote(person, verdict, { links: linked }))
        .thenRefused('four-eyes', message);
    given(opened(1, { break_glass: { groups: ['on-call'] } }))
      .when(breakGlass(person, { links: linked }))
      .thenRefused('four-eyes', message);
  });

  it.each(['claude', 'CLAUDE', 'planner'])('nobody through the agent %s, which asked or passed it on', (agent) =>
    given(opened())
      .when(vote('bob', 'approve', { by: { agent, person: 'bob' } }))
      .thenRefused('four-eyes', /use another key/),
  );

  it('in a browser or a chat there is no agent, and the person counts', () =>
    given(opened())
      .when(vote('bob', 'approve', { by: { agent: null, person: 'bob' }, via: 'slack' }))
      .then(withData(cast('bob'), { via: 'slack' }), granted('bob')));

  it('nor with the right of whoever asked', () => {
    const terms = { approvers: [{ people: ['alice', 'olaf', 'carol'] }] };
    for (const from of ['alice', 'olaf', 'ollie', 'planner'])
      given(opened(1, terms))
        .when(vote('bob', 'approve', { links: linked, delegations: [to('bob', from)] }))
        .thenRefused('not-eligible', /carol/);
  });
});

describe('linked names are one person', () => {
  it('a second name adds nothing to the quorum', () => {
    given(opened(2), cast('bob'))
      .when(vote('bobby', 'approve', { links: linked }))
      .then();
    given(opened(2), cast('bob')).when(vote('bobby')).then(cast('bobby'), granted('bob', 'bobby'));
  });

  it('a link that is made between two votes counts for the first one as well', () => {
    given(opened(3), cast('bob'), cast('bobby'))
      .when(vote('carol', 'approve', { links: linked }))
      .then(cast('carol'));
    given(opened(2), cast('al'))
      .when(vote('carol', 'approve', { links: linked }))
      .then(cast('carol'));
  });
});

describe('not-eligible: who may decide is what every rule says', () => {
  const terms = {
    approvers: [
      { people: ['bob', 'carol'], groups: ['finance'] },
      { groups: ['finance', 'security'], people: ['carol'] },
    ],
  };

  it('somebody whom each rule names, as a person or through a group', () => {
    given(opened(1, terms)).when(vote('carol')).then(cast('carol'), granted('carol'));
    given(opened(1, terms))
      .when(vote('bobby', 'approve', { links: linked, groups: ['security', 'chess'] }))
      .then(cast('bobby', 'approve', { groups: ['security'] }), granted('bobby'));
    given(opened(1, terms))
      .when(vote('dave', 'approve', { groups: ['finance'] }))
      .then(cast('dave', 'approve', { groups: ['finance'] }), granted('dave'));
  });

  it('nobody else, neither to approve nor to deny', () => {
    for (const verdict of ['approve', 'deny'] as const) {
      given(opened(1, terms))
        .when(vote('bob', verdict))
        .thenRefused('not-eligible', /bob, carol or members of finance, and also for carol or members of finance, security/);
      given(opened(1, terms))
        .when(vote('eve', verdict, { groups: ['security'] }))
        .thenRefused('not-eligible', /eve may not decide/);
    }
  });

  it('names of groups are compared as they are', () =>
    given(opened(1, { approvers: [{ groups: ['finance'] }] }))
      .when(vote('dave', 'approve', { groups: ['Finance'] }))
      .thenRefused('not-eligible', /finance/));
});

describe('group quorums', () => {
  const terms = {
    groups: [
      { group: 'finance', quorum: 1 },
      { group: 'security', quorum: 1 },
    ],
  };
  const bob = cast('bob', 'approve', { groups: ['finance'] });
  const both = cast('carol', 'approve', { groups: ['finance', 'security'] });

  it('wait until each group has given its people', () => {
    given(opened(1, terms))
      .when(vote('bob', 'approve', { groups: ['finance'] }))
      .then(bob);
    given(opened(1, terms), bob)
      .when(vote('dave', 'approve', { groups: ['finance'] }))
      .then(cast('dave', 'approve', { groups: ['finance'] }));
    given(opened(1, terms), bob)
      .when(vote('erin', 'approve', { groups: ['security'] }))
      .then(cast('erin', 'approve', { groups: ['security'] }), granted('bob', 'erin'));
  });

  it('nobody stands for two groups', () =>
    given(opened(1, terms))
      .when(vote('carol', 'approve', { groups: ['security', 'finance'] }))
      .then(both));

  it('whoever is in two groups stands for the one where it helps, whoever came first', () => {
    given(opened(1, terms), both)
      .when(vote('bob', 'approve', { groups: ['finance'] }))
      .then(bob, granted('carol', 'bob'));
    given(opened(1, terms), both)
      .when(vote('erin', 'approve', { groups: ['security'] }))
      .then(cast('erin', 'approve', { groups: ['security'] }), granted('carol', 'erin'));
  });

  it('do not replace the number of people in all', () => {
    given(opened(3, terms), bob)
      .when(vote('erin', 'approve', { groups: ['security'] }))
      .then(cast('erin', 'approve', { groups: ['security'] }));
    given(opened(3, terms), bob, cast('erin', 'approve', { groups: ['security'] }))
      .when(vote('frank'))
      .then(cast('frank'), granted('bob', 'erin', 'frank'));
  });
});

describe('a delegated right', () => {
  const terms = { approvers: [{ people: ['carol'], groups: ['finance'] }] };

  it('lets somebody decide in the place of another, and the record says whose right it was', () => {
    given(opened(1, terms))
      .when(vote('bob', 'approve', { delegations: [to('bob', 'carol')] }))
      .then(cast('bob', 'approve', { for: 'carol' }), granted('bob'));
    given(opened(1, terms))
      .when(vote('bob', 'deny', { delegations: [to('bob', 'dave', ['finance'])] }))
      .then(cast('bob', 'deny', { for: 'dave', groups: ['finance'] }), denied('bob'));
  });

  it('is used only where their own does not do', () =>
    given(opened())
      .when(vote('bob', 'approve', { delegations: [to('bob', 'carol')] }))
      .then(cast('bob'), granted('bob')));

  it('ends at its millisecond', () => {
    given(opened(1, terms))
      .when(vote('bob', 'approve', { delegations: [to('bob', 'carol', [], noon + 1)] }))
      .then(cast('bob', 'approve', { for: 'carol' }), granted('bob'));
    given(opened(1, terms))
      .when(vote('bob', 'approve', { delegations: [to('bob', 'carol', [], noon)] }))
      .thenRefused('not-eligible', /carol/);
  });

  it('goes one step and no further', () =>
    given(opened(1, terms))
      .when(vote('bob', 'approve', { delegations: [to('dave', 'carol'), to('bob', 'dave')] }))
      .thenRefused('not-eligible', /carol/));

  it('is nobody else’s', () =>
    given(opened(1, terms))
      .when(vote('bob', 'approve', { delegations: [to('bert', 'carol')] }))
      .thenRefused('not-eligible', /carol/));

  it('and its owner are one: it counts once, whoever of them comes first', () => {
    const two = { approvers: [{ people: ['carol', 'bob', 'dave'] }] };
    given(opened(2, two), cast('bob', 'approve', { for: 'carol' }))
      .when(vote('carol'))
      .thenRefused('right-used', /right of carol/);
    given(opened(2, { approvers: [{ people: ['carol', 'dave'] }] }), cast('carol'))
      .when(vote('bob', 'approve', { delegations: [to('bob', 'carol')] }))
      .thenRefused('right-used', /right of carol/);
    given(opened(2, { approvers: [{ people: ['carol', 'dave'] }] }), cast('carol'))
      .when(vote('bob', 'approve', { delegations: [to('bob', 'carol'), to('bob', 'dave')] }))
      .then(cast('bob', 'approve', { for: 'dave' }), granted('carol', 'bob'));
  });

  it('does not make two of one person who votes with it and in their own name', () =>
    given(opened(3), cast('bob', 'approve', { for: 'carol' }), cast('carol'))
      .when(vote('dave'))
      .then(cast('dave')));

  it('can be used to deny after its owner has approved', () =>
    given(opened(2, terms), cast('carol'))
      .when(vote('bob', 'deny', { delegations: [to('bob', 'carol')] }))
      .then(cast('bob', 'deny', { for: 'carol' }), denied('bob')));
});

describe('fresh-login', () => {
  const terms = { fresh_login: true };

  it('is needed to approve, and not to deny', () => {
    given(opened(1, terms))
      .when(vote('bob'))
      .thenRefused('fresh-login', /browser/);
    given(opened(1, terms)).when(vote('bob', 'deny')).then(cast('bob', 'deny'), denied('bob'));
    given(opened(1, terms))
      .when(vote('bob', 'approve', { fresh: true }))
      .then(cast('bob', 'approve', { fresh: true }), granted('bob'));
  });

  it('is needed to break the glass, too', () => {
    const both = { ...terms, break_glass: { groups: ['on-call'] } };
    given(opened(1, both))
      .when(breakGlass('bob'))
      .thenRefused('fresh-login', /browser/);
    given(opened(1, both))
      .when(breakGlass('bob', { fresh: true }))
      .then(withData(broken('bob'), { fresh: true }), granted('bob'));
  });
});

describe('escalation', () => {
  const terms = { approvers: [{ groups: ['finance'] }], groups: [{ group: 'finance', quorum: 2 }], escalate: { after_s: 600, groups: ['board'] } };

  it('lets others decide once it has come, and not before', () => {
    given(opened(2, terms))
      .when(vote('grace', 'approve', { groups: ['board'] }))
      .thenRefused('not-eligible', /finance/);
    given(opened(2, terms), escalated('board'))
      .when(vote('grace', 'approve', { groups: ['board'] }))
      .then(cast('grace', 'approve', { groups: ['board'] }));
  });

  it('lets each of them stand for one member of any group', () =>
    given(opened(2, terms), cast('bob', 'approve', { groups: ['finance'] }), escalated('board'))
      .when(vote('grace', 'approve', { groups: ['board'] }))
      .then(cast('grace', 'approve', { groups: ['board'] }), granted('bob', 'grace')));

  it('leaves everything as it was for those who were asked first', () =>
    given(opened(2, terms), cast('bob', 'approve', { groups: ['finance'] }), escalated('board'))
      .when(vote('dave', 'approve', { groups: ['finance'] }))
      .then(cast('dave', 'approve', { groups: ['finance'] }), granted('bob', 'dave')));
});

describe('breaking the glass', () => {
  const terms = { break_glass: { groups: ['on-call', 'board'] } };
  const history = [opened(3, terms), cast('carol')];

  it('lets the call run on the word of one person of those groups, and sets a time for the review', () => {
    given(...history)
      .when(breakGlass('bob'))
      .then(broken('bob'), granted('bob'));
    const state = [...history, broken('bob'), granted('bob')].reduce(evolve, initial as Request);
    expect(state).toMatchObject({
      status: 'granted',
      decided_by: ['bob'],
      decision: 'approved by bob alone, in an emergency: payments stand still',
      glass: { by: 'bob', review: null },
    });
  });

  it('needs a rule that allows it, one of its groups, and a reason', () => {
    given(opened())
      .when(breakGlass('bob'))
      .thenRefused('no-break-glass', /no way around/);
    given(...history)
      .when(breakGlass('bob', { groups: ['finance'] }))
      .thenRefused('not-eligible', /on-call or board/);
    for (const reason of ['', ' \n\t'])
      given(...history)
        .when(breakGlass('bob', { reason }))
        .thenRefused('reason-needed', /reviewed/);
  });

  it('is about the call that was read, while it can be decided', () => {
    given(...history)
      .when(breakGlass('bob', { binding: 'another' }))
      .thenRefused('digest-mismatch', /read the request again/);
    given(...history)
      .when(breakGlass('bob', { now: one }))
      .thenRefused('expired', /expired/);
    given(...history, denied('dave'))
      .when(breakGlass('bob'))
      .thenRefused('already-decided', /denied by dave/);
  });

  it('is refused to whoever did it before and was not reviewed in time', () =>
    given(...history)
      .when(breakGlass('bob', { overdue: '01K0000000000000000000000Z' }))
      .thenRefused('review-overdue', /01K0000000000000000000000Z/));

  it('happens once, also when it is repeated', () =>
    given(...history, broken('bob'), granted('bob'), named('ingress-1'))
      .when(breakGlass('bob', { now: one + 1 }))
      .then());
});

describe('the review', () => {
  const history = [opened(2, { break_glass: { groups: ['on-call'] } }), broken('bob'), granted('bob'), named('ingress-1')];

  it('is for somebody else, and comes before or after the end of the call', () => {
    given(...history)
      .when(review('carol'))
      .then(reviewed('carol'));
    given(...history, closed())
      .when(review('carol', 'unjustified'))
      .then(reviewed('carol', 'unjustified'));
    const state = [...history, closed(), reviewed('carol')].reduce(evolve, initial as Request);
    expect(state).toMatchObject({ status: 'closed', glass: { review: { by: 'carol', verdict: 'justified' } } });
  });

  it.each(['bob', 'bobby', 'alice', 'al', 'olaf', 'planner'])('is not for %s', (person) =>
    given(...history)
      .when({ ...review(person), links: linked })
      .thenRefused('four-eyes', /somebody else/),
  );

  it('happens once', () => {
    given(...history, reviewed('carol'))
      .when(review('carol'))
      .then();
    given(...history, reviewed('carol'))
      .when(review('dave', 'unjustified'))
      .thenRefused('already-decided', /carol has reviewed this: justified/);
  });

  it('is of nothing else', () => {
    given(opened(), cast('bob'), granted('bob'))
      .when(review('carol'))
      .thenRefused('nothing-to-review', /nothing to review/);
    given(opened(), expired)
      .when(review('carol'))
      .thenRefused('nothing-to-review', /nothing to review/);
  });
});

describe('asking again', () => {
  const urge = (now: number, most = 3): Command => ({ do: 'urge', most, now });
  const reminded = (number: number, about: 'decision' | 'review' = 'decision'): RequestEvent => ({ type: 'approval.request.reminded', data: { approval, call, about, number } });
  const minutes = (count: number) => noon + count * 60_000;

  it('reminds each time, and not before', () => {
    const terms = { remind_s: 600 };
    given(opened(1, terms))
      .when(urge(minutes(10) - 1))
      .then();
    given(opened(1, terms))
      .when(urge(minutes(10)))
      .then(reminded(1));
    given(opened(1, terms), reminded(1))
      .when(urge(minutes(10)))
      .then();
    given(opened(1, terms), reminded(1))
      .when(urge(minutes(20)))
      .then(reminded(2));
  });

  it('makes up for what was missed with one reminder', () => {
    given(opened(1, { remind_s: 600 }))
      .when(urge(minutes(25)))
      .then(reminded(2));
    given(opened(1, { remind_s: 600 }), reminded(2))
      .when(urge(minutes(25)))
      .then();
  });

  it('ends at the most, and with the request', () => {
    given(opened(1, { remind_s: 600 }), reminded(3))
      .when(urge(minutes(50)))
      .then();
    given(opened(1, { remind_s: 60 }))
      .when(urge(minutes(59)))
      .then(reminded(3));
    given(opened(1, { remind_s: 600 }), cast('bob'), granted('bob'))
      .when(urge(minutes(30)))
      .then();
    given(opened(1, { remind_s: 600 }), reminded(1), expired)
      .when(urge(minutes(61)))
      .then();
    given(opened())
      .when(urge(minutes(59)))
      .then();
  });

  it('escalates once, before it reminds', () => {
    const terms = { remind_s: 600, escalate: { after_s: 600, groups: ['board'] } };
    given(opened(1, terms))
      .when(urge(minutes(10)))
      .then(escalated('board'));
    given(opened(1, terms), escalated('board'))
      .when(urge(minutes(10)))
      .then(reminded(1));
    given(opened(1, { escalate: terms.escalate }), escalated('board'))
      .when(urge(minutes(50)))
      .then();
  });

  it('reminds of a review that is overdue, once', () => {
    const history = [opened(1, { break_glass: { groups: ['on-call'] } }), broken('bob'), granted('bob'), closed()];
    given(...history)
      .when(urge(noon + 86_400_000 - 1))
      .then();
    given(...history)
      .when(urge(noon + 86_400_000))
      .then(reminded(1, 'review'));
    given(...history, reminded(1, 'review'))
      .when(urge(noon + 864_000_000))
      .then();
    given(...history, reviewed('carol'))
      .when(urge(noon + 864_000_000))
      .then();
  });

  it('of nothing that is not there is refused', () => expect(() => decide(urge(noon), initial)).toThrow('no such approval'));
});

function breakGlass(person: string, changes: Partial<BreakGlass> = {}): BreakGlass {
  const { verdict: _verdict, delegations: _delegations, ...voice } = vote(person);
  return { ...voice, do: 'break-glass', groups: ['on-call', 'chess'], reason: 'payments stand still', overdue: null, review_ms: 86_400_000, ...changes };
}

function broken(by: string): RequestEvent {
  const review_by = new Date(noon + 86_400_000).toISOString();
  return {
    type: 'approval.glass.broken',
    data: { approval, call, binding: 'b1nd1ng', by, groups: ['on-call'], reason: 'payments stand still', via: 'api', fresh: false, preview: 'pr3v13w', review_by },
  };
}

function review(person: string, verdict: 'justified' | 'unjustified' = 'justified'): ReviewGlass {
  return { do: 'review', by: { agent: `${person}-console`, person }, links: new Map(), verdict, comment: 'seen' };
}

function reviewed(by: string, verdict: 'justified' | 'unjustified' = 'justified'): RequestEvent {
  return { type: 'approval.review.completed', data: { approval, call, by, verdict, comment: 'seen' } };
}

function withData(event: RequestEvent, changes: Record<string, unknown>): RequestEvent {
  return { ...event, data: { ...event.data, ...changes } } as RequestEvent;
}
