import { describe, expect, it } from '@jest/globals';
import type { StateChange } from '@customhouse/event-log/state-follower';
import { stopKey, stopTarget, type StopKind } from '@customhouse/policy-contract/stops';
import { ada } from '../../test/support/fakes.js';
import { callerOf } from '../mcp/caller.js';
import { Stops, type Running } from './stops.js';

const topic = 'customhouse.state.policy';

function stopped(kind: StopKind, name: string, foreign?: 'version'): StateChange {
  const target = stopTarget(kind, name);
  const data = foreign === undefined ? { ...target, reason: 'It misbehaves.', by: 'olga', since: '2026-11-22T13:00:00.000Z' } : { of: 'another release' };
  return { topic, key: stopKey(target), event: { type: 'policy.stop.published', version: 1, data, foreign } as unknown as StateChange['event'] };
}

class Flying implements Running {
  readonly stops: string[] = [];
  constructor(
    readonly server = 'bank',
    readonly target = 'pay',
    readonly caller = ada,
  ) {}
  stop(words: string): void {
    this.stops.push(words);
  }
}

function following(...changes: StateChange[]): Stops {
  const stops = new Stops();
  for (const change of changes) stops.apply(change);
  return stops;
}

describe('what is stopped', () => {
  it.each<[StopKind, string, string]>([
    ['everything', '', 'everything is stopped: It misbehaves.'],
    ['server', 'bank', 'the server "bank" is stopped: It misbehaves.'],
    ['tool', 'bank/pay', 'the tool "bank/pay" is stopped: It misbehaves.'],
    ['agent', 'robot', 'the agent "robot" is stopped: It misbehaves.'],
    ['person', 'ada@example.com', 'the person "ada@example.com" is stopped: It misbehaves.'],
    ['person', ' ADA@Example.com', 'the person "ada@example.com" is stopped: It misbehaves.'],
    ['agent', 'ROBOT', 'the agent "robot" is stopped: It misbehaves.'],
  ])('is said of a call by the stop of the %s "%s"', (kind, name, words) => {
    expect(following(stopped(kind, name)).against(new Flying())).toBe(words);
  });

  it.each<[StopKind, string]>([
    ['server', 'bank2'],
    ['server', 'Bank'],
    ['tool', 'bank/paid'],
    ['tool', 'bank2/pay'],
    ['agent', 'robots'],
    ['person', 'robot'],
    ['agent', 'ada@example.com'],
  ])('does not concern a call by the stop of the %s "%s"', (kind, name) => {
    expect(following(stopped(kind, name)).against(new Flying())).toBeUndefined();
  });

  it('concerns a call also where the agent only acts for another one', () => {
    const caller = callerOf({ ...ada.principal, delegation: [{ actor: 'planner' }, { actor: 'Broker' }] });
    expect(following(stopped('agent', 'broker')).against(new Flying('bank', 'pay', caller))).toContain('the agent "broker"');
    expect(following(stopped('person', 'broker')).against(new Flying('bank', 'pay', caller))).toBeUndefined();
  });

  it('holds while it is in force, each stop on its own', () => {
    const stops = following(stopped('agent', 'robot'), stopped('server', 'bank'));
    expect(stops.size).toBe(2);
    stops.apply({ topic, key: 'stop/server/bank', event: undefined });
    expect(stops.against(new Flying())).toContain('agent');
    stops.apply({ topic, key: 'stop/agent/robot', event: undefined });
    expect(stops.against(new Flying())).toBeUndefined();
  });

  it('is known of callers, and of what they aim at, on their own', () => {
    const stops = following(stopped('agent', 'robot'), stopped('server', 'bank'), stopped('tool', 'files/file:///a'));
    expect([stops.ofTarget('bank', 'any'), stops.ofTarget('bank', ''), stops.ofTarget('files', 'file:///a')].every((words) => words !== undefined)).toBe(true);
    expect([stops.ofTarget('files', 'file:///b'), stops.ofTarget('files', '')]).toEqual([undefined, undefined]);
    expect([stops.ofCaller(ada.principal) !== undefined, stops.ofCaller({ ...ada.principal, agent: 'other' })]).toEqual([true, undefined]);
    const all = following(stopped('everything', ''));
    expect([all.ofTarget('files', ''), all.ofCaller({ ...ada.principal, agent: 'other' })]).toEqual(Array(2).fill('everything is stopped: It misbehaves.'));
  });

  it('counts in a form that this release does not know, because the key says what is meant', () => {
    expect(following(stopped('agent', 'robot', 'version')).against(new Flying())).toMatch(/^the agent "robot" is stopped: .*cannot be read/);
  });

  it.each(['active', 'module/ab', 'stop/nonsense/x', 'stops'])('leaves the key %s to others', (key) => {
    expect(new Stops().apply({ topic, key, event: undefined })).toBe(false);
  });
});

describe('a call on its way', () => {
  it('is ended by a stop that concerns it, and no other one', () => {
    const stops = following();
    const [own, other] = [new Flying(), new Flying('files')];
    for (const call of [own, other]) stops.enter(call);
    stops.apply(stopped('server', 'bank'));
    expect([own.stops, other.stops]).toEqual([['the server "bank" is stopped: It misbehaves.'], []]);
  });

  it('is ended by what was stopped while it was recorded', () => {
    const call = new Flying();
    following(stopped('everything', '')).enter(call);
    expect(call.stops).toHaveLength(1);
  });

  it('is left alone once it has ended', () => {
    const [stops, call] = [following(), new Flying()];
    stops.enter(call);
    stops.leave(call);
    stops.apply(stopped('everything', ''));
    expect(call.stops).toEqual([]);
  });
});
