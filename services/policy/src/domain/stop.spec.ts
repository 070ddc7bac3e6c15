import { describe, expect, it } from '@jest/globals';
import { decide, evolve, initial, LiftRefused, type Command, type StopEvent } from './stop.js';

const target = { kind: 'agent', name: 'claude' } as const;
const order: Command = { do: 'order', target, reason: 'It pays twice.', by: 'olga' };
const lift: Command = { do: 'lift', target, reason: 'Repaired.', by: 'omar' };

const ordered: StopEvent = { type: 'policy.stop.ordered', data: { ...target, reason: 'It pays twice.', by: 'olga' } };
const lifted: StopEvent = { type: 'policy.stop.lifted', data: { ...target, reason: 'Repaired.', by: 'omar' } };

const after = (...events: StopEvent[]) => events.reduce(evolve, initial);

describe('a stop', () => {
  it.each<[string, StopEvent[], Command, StopEvent[]]>([
    ['of what runs, ordered: it is stopped', [], order, [ordered]],
    ['of what is stopped, ordered again with another reason: the first one stays', [ordered], { ...order, reason: 'Again.', by: 'omar' }, []],
    ['of what is stopped, lifted: the rules decide again', [ordered], lift, [lifted]],
    ['that was lifted, ordered again: it is stopped again', [ordered, lifted], order, [ordered]],
  ])('%s', (_, given, command, events) => {
    expect(decide(command, after(...given))).toEqual(events);
  });

  it.each<[string, StopEvent[]]>([
    ['that was never ordered', []],
    ['that was lifted already', [ordered, lifted]],
  ])('%s cannot be lifted, and the name is in the answer', (_, given) => {
    expect(() => decide(lift, after(...given))).toThrow(new LiftRefused('agent "claude" is not stopped: look at the list of stops for the name'));
  });
});
