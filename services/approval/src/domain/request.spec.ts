import { describe, expect, it } from '@jest/globals';
import type { Command } from './decide.js';
import { evolve, initial, type Request, type RequestEvent } from './request.js';
import { cancel, cancelled, cast, clean, closed, denied, ended, expire, expired, given, granted, name, named, one, opened, noon, vote } from '../../test/story.js';

describe('opening', () => {
  it('asks people about one exact call', () => {
    const event = opened();
    given()
      .when({ do: 'open', request: event.data as Extract<Command, { do: 'open' }>['request'] })
      .then(event);
  });

  it('happens once, however often the held call is delivered', () => {
    const event = opened();
    const command: Command = { do: 'open', request: event.data as Extract<Command, { do: 'open' }>['request'] };
    given(event).when(command).then();
    given(event, cast('bob'), granted('bob')).when(command).then();
  });

  it('comes before everything else', () => {
    for (const command of [
      vote('bob'),
      cancel('alice'),
      expire(one),
      name('ingress-1'),
      { do: 'close', terminal: 'call.completed' } as const,
      { do: 'reject', reason: 'x' } as const,
    ]) {
      given()
        .when(command)
        .thenRefused('not-found', /no such approval/);
    }
  });
});

describe('four-eyes', () => {
  it('one approval grants when one is enough', () => given(opened()).when(vote('bob')).then(cast('bob'), granted('bob')));

  it('the requester cannot decide', () => {
    given(opened())
      .when(vote('alice'))
      .thenRefused('four-eyes', /alice asked for this call/);
    given(opened())
      .when(vote('alice', 'deny'))
      .thenRefused('four-eyes', /cancel it instead/);
  });

  it('the requester cannot decide under another spelling of the same name', () => {
    for (const person of ['Alice', 'ALICE', ' alice ', 'ａｌｉｃｅ'])
      given(opened())
        .when(vote(person))
        .thenRefused('four-eyes', /somebody else/);
  });

  it('nobody can decide through the agent that asked', () => {
    given(opened())
      .when(vote('bob', 'approve', { by: { agent: 'Claude', person: 'bob' } }))
      .thenRefused('four-eyes', /through it/);
  });
});

describe('quorum', () => {
  it('waits until enough people have approved', () => {
    given(opened(2)).when(vote('bob')).then(cast('bob'));
    given(opened(2), cast('bob')).when(vote('carol')).then(cast('carol'), granted('bob', 'carol'));
  });

  it('counts people, not votes', () => {
    given(opened(2), cast('bob')).when(vote('bob')).then();
    given(opened(2), cast('bob')).when(vote('BOB')).then();
    given(opened(3), cast('bob'), cast('carol')).when(vote('Carol')).then();
  });
});

describe('denying', () => {
  it('needs one person, whatever the quorum', () => given(opened(3), cast('bob')).when(vote('carol', 'deny')).then(cast('carol', 'deny'), denied('carol')));

  it('is open to somebody who approved before: a second thought may stop a call', () =>
    given(opened(2), cast('bob')).when(vote('bob', 'deny')).then(cast('bob', 'deny'), denied('bob')));

  it('is done by the system for a request that does not fit its call', () => {
    given(opened()).when({ do: 'reject', reason: 'the binding does not match' }).then(denied('customhouse', 'the binding does not match'));
    given(opened(), cast('bob'), granted('bob')).when({ do: 'reject', reason: 'the binding does not match' }).then();
  });
});

describe('a decision is made once', () => {
  it.each([
    ['granted', [cast('bob'), granted('bob')], /is granted by bob/],
    ['dispatching', [cast('bob'), granted('bob'), named('ingress-1')], /is dispatching by bob/],
    ['denied', [cast('bob', 'deny'), denied('bob')], /is denied by bob/],
    ['cancelled', [cancelled('alice')], /is cancelled by alice/],
    ['closed', [closed()], /is closed/],
  ] as [string, RequestEvent[], RegExp][])('no vote after it is %s', (_, history, message) => {
    given(opened(), ...history)
      .when(vote('carol'))
      .thenRefused('already-decided', message);
    given(opened(), ...history)
      .when(vote('carol', 'deny'))
      .thenRefused('already-decided', message);
  });

  it('no vote after it has expired', () =>
    given(opened(), expired)
      .when(vote('bob'))
      .thenRefused('expired', /expired at 2026-11-22T13:00:00.000Z/));

  it('a repeated vote counts once and is no error, also when it has decided', () => {
    given(opened(), cast('bob'), granted('bob')).when(vote('bob')).then();
    given(opened(), cast('bob', 'deny'), denied('bob')).when(vote('bob', 'deny')).then();
    given(opened(), cast('bob'), granted('bob'), named('ingress-1'), closed())
      .when(vote('bob', 'approve', { now: one + 1 }))
      .then();
  });

  it('who approved cannot take it back after the grant', () =>
    given(opened(), cast('bob'), granted('bob'))
      .when(vote('bob', 'deny'))
      .thenRefused('already-decided', /granted/));
});

describe('digest-mismatch', () => {
  it('a vote for another call is refused, and the request stays open', () => {
    given(opened())
      .when(vote('bob', 'approve', { binding: 'another' }))
      .thenRefused('digest-mismatch', /read the request again/);
  });

  it('a vote that names the right call counts', () =>
    given(opened())
      .when(vote('bob', 'approve', { binding: 'b1nd1ng' }))
      .then(cast('bob'), granted('bob')));
});

describe('expiry', () => {
  it('comes at its millisecond, not before', () => {
    given(opened())
      .when(expire(one - 1))
      .then();
    given(opened()).when(expire(one)).then(expired);
    given(opened(), expired).when(expire(one)).then();
  });

  it('ends voting also before anybody has noticed it', () => {
    given(opened())
      .when(vote('bob', 'approve', { now: one - 1 }))
      .then(cast('bob'), granted('bob'));
    given(opened())
      .when(vote('bob', 'approve', { now: one }))
      .thenRefused('expired', /expired/);
  });

  it('takes back a grant that nobody was told to run', () => {
    given(opened(), cast('bob'), granted('bob')).when(expire(one)).then(expired);
    given(opened(), cast('bob'), granted('bob'))
      .when(name('ingress-1', clean, one))
      .then();
  });

  it('is left to a living dispatcher, which checks it itself', () => given(opened(), cast('bob'), granted('bob'), named('ingress-1')).when(expire(one)).then());

  it('takes back a grant whose dispatcher is gone and sent nothing', () => {
    const history = [opened(), cast('bob'), granted('bob'), named('ingress-1')];
    given(...history)
      .when(expire(one, ended))
      .then(expired);
    given(...history)
      .when(name('ingress-2', ended, one))
      .then();
    given(...history)
      .when(expire(one, { ...ended, dispatched: true }))
      .then();
    given(...history, expired)
      .when(name('ingress-2', clean, one))
      .then(named('ingress-2', '100', 2));
  });

  it('changes nothing that is decided', () => {
    given(opened(), cast('bob', 'deny'), denied('bob')).when(expire(one, ended)).then();
    given(opened(), cancelled('alice')).when(expire(one, ended)).then();
    given(opened(), closed()).when(expire(one, ended)).then();
  });
});

describe('cancelling', () => {
  it('is for the requester and for operators', () => {
    given(opened()).when(cancel('alice')).then(cancelled('alice'));
    given(opened()).when(cancel('ALICE')).then(cancelled('ALICE'));
    given(opened()).when(cancel('bob', true)).then(cancelled('bob'));
    given(opened())
      .when(cancel('bob'))
      .thenRefused('not-yours', /operator/);
  });

  it('is possible until somebody was told to run the call', () => {
    given(opened(), cast('bob'), granted('bob')).when(cancel('alice')).then(cancelled('alice'));
    given(opened(), cast('bob'), granted('bob'), named('ingress-1'))
      .when(cancel('alice'))
      .thenRefused('already-decided', /dispatching/);
    given(opened(), cast('bob', 'deny'), denied('bob'))
      .when(cancel('alice'))
      .thenRefused('already-decided', /denied by bob/);
  });

  it('is done once', () => given(opened(), cancelled('alice')).when(cancel('alice')).then());

  it('comes too late after the expiry', () =>
    given(opened())
      .when(cancel('alice', false, one))
      .thenRefused('expired', /expired/));
});

describe('one dispatcher', () => {
  const grant = [opened(), cast('bob'), granted('bob')];

  it('is named when the request is granted', () =>
    given(...grant)
      .when(name('ingress-1'))
      .then(named('ingress-1')));

  it('is not named while the request is open or after the call has ended', () => {
    given(opened()).when(name('ingress-1')).then();
    given(...grant, named('ingress-1'), closed())
      .when(name('ingress-2', ended))
      .then();
  });

  it('is replaced when its chain has ended and the log has no dispatch of it', () => {
    given(...grant, named('ingress-1'))
      .when(name('ingress-2'))
      .then();
    given(...grant, named('ingress-1'))
      .when(name('ingress-2', { ...ended, searched: 90 }))
      .then(named('ingress-2', '100', 2, 90));
    given(...grant, named('ingress-1'), named('ingress-2', '100', 2))
      .when(name('ingress-1', ended, noon, '300'))
      .then(named('ingress-1', '300', 3));
  });

  it('is never replaced after a dispatch was recorded', () => {
    given(...grant, named('ingress-1'))
      .when(name('ingress-2', { ...ended, dispatched: true }))
      .then();
  });

  it.each([
    ['denied', [opened(), cast('bob', 'deny'), denied('bob')]],
    ['expired', [opened(), expired]],
    ['cancelled', [opened(), cancelled('alice')]],
  ] as [string, RequestEvent[]][])('is named to record the end of a call that was %s, and keeps that status', (status, history) => {
    given(...history)
      .when(name('ingress-1', clean, one + 5))
      .then(named('ingress-1'));
    const after = [...history, named('ingress-1')].reduce(evolve, initial as Request);
    expect(after.status).toBe(status);
    given(...history, named('ingress-1'))
      .when(name('ingress-2'))
      .then();
    given(...history, named('ingress-1'))
      .when(name('ingress-2', ended))
      .then(named('ingress-2', '100', 2));
  });
});

describe('closing', () => {
  it.each(['open', 'granted', 'denied'])('follows the end of the call, from %s', (status) => {
    const history = { open: [], granted: [cast('bob'), granted('bob')], denied: [cast('bob', 'deny'), denied('bob')] }[status]!;
    given(opened(), ...history)
      .when({ do: 'close', terminal: 'call.outcome.lost' })
      .then(closed('call.outcome.lost'));
  });

  it('happens once: the first end of a call counts', () => given(opened(), closed()).when({ do: 'close', terminal: 'call.failed' }).then());
});
