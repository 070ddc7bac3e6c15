import { describe, expect, it } from '@jest/globals';
import { ToolLabel } from '@customhouse/events/registry/events';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { ulid } from '@customhouse/kernel/ulid';
import type { Effect } from '@customhouse/policy-contract/decision';
import type { Limit } from '@customhouse/policy-contract/rules';
import { ada } from '../../test/support/fakes.js';
import { History, type Decided } from './history.js';

const began = Date.parse('2026-11-22T13:00:00.000Z');
const sessionOf = (time: number, nth = 0): string => ulid(time, new Uint8Array(10).fill(nth));
const session = sessionOf(began);

function decided(effect: Effect, changes: Partial<Decided> = {}, rules = ['r']): Decided {
  return {
    call: 'C',
    session,
    principal: ada.principal,
    server: 'files',
    tool: 'read',
    labels: ['reads-sensitive'],
    decision: { effect, rules: rules.map((id) => ({ id, effect, reason: 'x' })), obligations: {}, policy: { number: 1, digest: 'P' } },
    time: began,
    ...changes,
  };
}

describe('what a session has done', () => {
  it('is nothing at first', () => {
    expect(new History(10).session(session)).toEqual({ labels: [], counters: { calls: 0, refused: 0, held: 0 } });
  });

  it('has the labels of tools whose calls went through, and counts of all', () => {
    const history = new History(10);
    history.decided(decided('allow'));
    history.decided(decided('refuse', { labels: ['destructive'] }));
    history.decided(decided('hold', { call: 'H', labels: ['communicates-externally'] }));
    expect(history.session(session)).toEqual({ labels: ['reads-sensitive'], counters: { calls: 3, refused: 1, held: 1 } });
    history.sent('H', began);
    expect(history.session(session)).toEqual({ labels: ['communicates-externally', 'reads-sensitive'], counters: { calls: 3, refused: 1, held: 1 } });
  });

  it('has the findings in results', () => {
    const history = new History(10);
    history.found(session, ['instructions', 'credential'], began);
    expect(history.session(session).labels).toEqual(['credential', 'instructions']);
  });

  it('is its own: another session has done nothing', () => {
    const history = new History(10);
    history.decided(decided('allow'));
    expect(history.session(sessionOf(began, 1)).labels).toEqual([]);
  });

  it('is folded from the log the same way', () => {
    const event = (type: string, data: unknown): StoredEvent => ({ type, version: 1, data, envelope: { time: '2026-11-22T13:00:00.000Z' } }) as unknown as StoredEvent;
    const history = new History(10);
    history.apply(event('call.admitted', decided('allow')), session);
    history.apply(event('call.refused', decided('refuse')), session);
    history.apply(event('call.held', decided('hold', { call: 'H', labels: ['destructive'] })), session);
    expect(history.session(session).labels).toEqual(['reads-sensitive']);
    history.apply(event('call.dispatched', { call: 'H' }), session);
    history.apply(event('call.completed', { call: 'H', findings: [{ rule: 'instructions' }] }), session);
    history.apply(event('call.aborted', { call: 'H' }), session);
    history.apply({ ...event('call.admitted', { of: 'another release' }), foreign: 'version' } as unknown as StoredEvent, session);
    expect(history.session(session)).toEqual({ labels: ['destructive', 'instructions', 'reads-sensitive'], counters: { calls: 3, refused: 1, held: 1 } });
  });

  it('may be anything when its beginning is not known: every label is assumed, beside those that are known', () => {
    const history = new History(10);
    history.found(session, ['instructions'], began);
    history.knownFrom(began + 1);
    expect(history.session(session).labels).toEqual([...ToolLabel.options, 'instructions'].sort());
    expect(history.session(sessionOf(began + 1)).labels).toEqual([]);
    // One that its client has named begins at no known time.
    expect(history.session(ulid(0, new Uint8Array(10))).labels).toEqual([...ToolLabel.options].sort());
    expect(history.session('no ulid').labels).toEqual([...ToolLabel.options].sort());
  });

  it('is forgotten when others need the room, and then assumed', () => {
    const history = new History(2);
    const sessions = [0, 1, 2].map((nth) => sessionOf(began + nth, nth));
    for (const [nth, one] of sessions.entries()) history.decided(decided('allow', { session: one, time: began + nth }));
    expect(history.size).toBe(2);
    expect(history.session(sessions[0]!).labels).toEqual([...ToolLabel.options].sort());
    expect(history.session(sessions[2]!).labels).toEqual(['reads-sensitive']);
  });
});

describe('how often a rule with a limit has let calls through', () => {
  const limit = (per: Limit['per'], window_s = 60): Limit => ({ calls: 3, window_s, per });
  const counting = (one: Limit): History => {
    const history = new History(100);
    history.limitBy(new Map([['r', one]]));
    return history;
  };
  const eve = { ...ada.principal, agent: 'other', person: 'eve@example.com' };

  it.each<[Limit['per'], Partial<Decided>, number]>([
    ['agent', { principal: { ...ada.principal, person: 'eve@example.com' } }, 1],
    ['agent', { principal: { ...ada.principal, agent: 'other' } }, 0],
    ['person', { principal: { ...ada.principal, agent: 'other' } }, 1],
    ['person', { principal: { ...ada.principal, person: 'eve@example.com' } }, 0],
    ['session', { principal: eve, tool: 'other' }, 1],
    ['session', { session: sessionOf(began, 1) }, 0],
    ['tool', { principal: eve, session: sessionOf(began, 1) }, 1],
    ['tool', { tool: 'other' }, 0],
    ['tool', { server: 'other' }, 0],
    ['everybody', { principal: eve, session: sessionOf(began, 1), server: 'other', tool: 'other' }, 1],
    ['everybody', { principal: { ...eve, tenant: 'another' } }, 0],
  ])('is counted per %s: for %j it is %s', (per, other, count) => {
    const history = counting(limit(per));
    history.decided(decided('allow'));
    expect(history.used([{ rule: 'r', limit: limit(per) }], { ...decided('allow'), ...other }, began)).toEqual({ r: count });
  });

  it('moves with the time', () => {
    const history = counting(limit('agent'));
    for (const time of [0, 10_000, 20_000]) history.decided(decided('allow', { time: began + time }));
    const used = (now: number) => history.used([{ rule: 'r', limit: limit('agent') }], decided('allow'), began + now)['r'];
    expect([20_000, 65_000, 75_000, 90_000].map(used)).toEqual([3, 2, 1, 0]);
  });

  it('counts neither what was refused or waits, nor rules without a limit, but what is sent after an approval', () => {
    const history = counting(limit('agent'));
    const used = () => history.used([{ rule: 'r', limit: limit('agent') }], decided('allow'), began);
    history.decided(decided('refuse'));
    history.decided(decided('allow', {}, ['another']));
    const held = decided('hold', { call: 'H' });
    held.decision.rules.push({ id: 'r', effect: 'allow', reason: 'x' });
    history.decided(held);
    expect(used()).toEqual({ r: 0 });
    history.sent('H', began);
    expect(used()).toEqual({ r: 1 });
  });
});
