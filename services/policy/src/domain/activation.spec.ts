import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ActivationRefused } from './activation.js';
import { decide, evolve, initial, type Activation, type Command, type VersionActivated } from './activation.js';
import { stages, type Stage } from './stage.js';

const version = (number: number, stage: Stage = 'tested') => ({ number, digest: `digest-${number}`, stage });
const activate = (number: number, expected?: number): Command => ({ do: 'activate', asked: number, version: version(number), from: 'tested', by: 'ann', expected });
const activateFrom = (from: Stage, stage: Stage): Command => ({ do: 'activate', asked: 3, version: version(3, stage), from, by: 'ann' });
const rollBack = (expected?: number): Command => ({ do: 'roll-back', by: 'bob', expected });
const activated = (number: number, previous: number | null, by = 'ann'): VersionActivated => ({
  type: 'policy.version.activated',
  data: { number, digest: `digest-${number}`, previous, by },
});

function given(...events: VersionActivated[]) {
  const state = events.reduce(evolve, initial);
  return {
    when: (command: Command) => ({
      then: (...expected: VersionActivated[]) => expect(decide(command, state)).toEqual(expected),
      thenRefused: (rule: ActivationRefused['rule']) => expect(() => decide(command, state)).toThrow(expect.objectContaining({ name: 'ActivationRefused', rule })),
    }),
  };
}

describe('activating a version', () => {
  it('given none is active, lets it decide', () => given().when(activate(0)).then(activated(0, null)));

  it('given another is active, names the one that it replaces', () => given(activated(0, null)).when(activate(3)).then(activated(3, 0)));

  it('given it is active, changes nothing', () => given(activated(0, null), activated(3, 0)).when(activate(3)).then());

  it('given an older one, lets that decide again', () => given(activated(0, null), activated(3, 0)).when(activate(0)).then(activated(0, 3)));

  it('given no such version, is refused', () =>
    given(activated(0, null)).when({ do: 'activate', asked: 9, version: undefined, from: 'tested', by: 'ann' }).thenRefused('not-found'));

  it('given the expected version is active, is done', () => given(activated(0, null)).when(activate(3, 0)).then(activated(3, 0)));

  it('given another version than the expected one is active, is refused', () =>
    given(activated(0, null), activated(2, 0)).when(activate(3, 0)).thenRefused('another-version-active'));

  it('given none is active where one was expected, is refused', () => given().when(activate(3, 0)).thenRefused('another-version-active'));
});

describe('the stage that a version must have reached', () => {
  it.each(stages)('given "%s" is asked for, keeps every earlier one out and lets every later one in', (from) => {
    for (const [place, stage] of stages.entries()) {
      const outcome = given(activated(0, null)).when(activateFrom(from, stage));
      if (place < stages.indexOf(from)) outcome.thenRefused('too-early');
      else outcome.then(activated(3, 0));
    }
  });

  it('does not matter for going back', () =>
    given(activated(0, null), activated(3, 0))
      .when(rollBack())
      .then(activated(0, 3, 'bob')));
});

describe('rolling back', () => {
  it('given two were active, lets the one before decide', () =>
    given(activated(0, null), activated(3, 0))
      .when(rollBack())
      .then(activated(0, 3, 'bob')));

  it('given a rollback, undoes it', () =>
    given(activated(0, null), activated(3, 0), activated(0, 3, 'bob'))
      .when(rollBack())
      .then(activated(3, 0, 'bob')));

  it('given only one was ever active, is refused', () => given(activated(0, null)).when(rollBack()).thenRefused('nothing-before'));

  it('given none was ever active, is refused', () => given().when(rollBack()).thenRefused('nothing-before'));

  it('given another version than the expected one is active, is refused', () => given(activated(0, null), activated(3, 0)).when(rollBack(2)).thenRefused('another-version-active'));
});

it('whatever is commanded, each event continues the one before, and a rollback is undone by another', () => {
  const command = fc.oneof(
    fc.nat(4).map((number) => activate(number)),
    fc.constant(rollBack()),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      let state: Activation = initial;
      for (const one of commands) {
        let events: readonly VersionActivated[];
        try {
          events = decide(one, state);
        } catch (error) {
          expect(error).toMatchObject({ rule: 'nothing-before' });
          continue;
        }
        for (const event of events) {
          expect(event.data.previous).toBe(state.active?.number ?? null);
          expect(event.data.number).not.toBe(state.active?.number);
          state = evolve(state, event);
        }
      }
      if (state.previous === null) return;
      const once = decide(rollBack(), state).reduce(evolve, state);
      expect(decide(rollBack(), once).reduce(evolve, once)).toEqual(state);
    }),
  );
});
