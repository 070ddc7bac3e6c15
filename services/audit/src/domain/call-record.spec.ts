import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CallFact } from './call-fact.js';
import { readFact } from './call-fact.js';
import { evolve, initial, type CallRecord } from './call-record.js';
import { admitted, aborted, call, completed, denied, dispatched, failed, held, lost, refused } from '../../test/support/facts.js';

const fold = (...facts: CallFact[]) => facts.reduce(evolve, initial(call));
const outline = (record: CallRecord) => ({ status: record.status, anomalies: record.anomalies.map(({ id, kind }) => `${id} ${kind}`) });

describe('the record of a call', () => {
  it.each<[string, CallFact[], string, string[]]>([
    ['an admission', [admitted('a')], 'admitted', []],
    ['an admission and a result', [admitted('a'), completed('b')], 'completed', []],
    ['an admission and a failure', [admitted('a'), failed('b')], 'failed', []],
    ['an admission and a loss', [admitted('a'), lost('b')], 'lost', []],
    ['an admission and an abort', [admitted('a'), aborted('b')], 'aborted', []],
    ['a refusal', [refused('a')], 'refused', []],
    ['a hold', [held('a')], 'held', []],
    ['a hold, a dispatch and a result', [held('a'), dispatched('b'), completed('c')], 'completed', []],
    ['a hold and a denial', [held('a'), denied('b')], 'denied', []],
    ['an abort of what was never recorded', [aborted('a')], 'aborted', []],
    ['an abort, after which the intent lands late', [aborted('a'), admitted('b')], 'aborted', []],
    ['two results', [admitted('a'), completed('b'), completed('c')], 'completed', ['c second-terminal']],
    ['a loss and then the result', [admitted('a'), lost('b'), completed('c')], 'lost', ['c second-terminal']],
    ['a result without an intent', [completed('a')], 'completed', ['a terminal-without-intent']],
    ['two admissions', [admitted('a'), admitted('b')], 'admitted', ['b second-intent']],
    ['an admission and a refusal', [admitted('a'), refused('b')], 'admitted', ['b second-intent']],
    ['two dispatches', [held('a'), dispatched('b'), dispatched('c')], 'dispatched', ['c second-dispatch']],
    ['a dispatch of what was admitted', [admitted('a'), dispatched('b')], 'dispatched', ['b dispatch-without-hold']],
    ['a dispatch after the end', [held('a'), denied('b'), dispatched('c')], 'denied', ['c dispatch-after-terminal']],
  ])('of %s', (_, facts, status, anomalies) => {
    expect(outline(fold(...facts))).toEqual({ status, anomalies });
  });

  it('is not changed by an event that it has seen, wherever that comes again', () => {
    const facts = [admitted('a'), held('b'), dispatched('c'), dispatched('d'), completed('e'), failed('f'), refused('g'), denied('h'), aborted('i'), lost('j')];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...facts), { maxLength: 30 }), (history) => {
        const once = fold(...history.filter((fact, index) => history.indexOf(fact) === index));
        expect(fold(...history)).toEqual(once);
      }),
    );
  });

  it('has one end, which is the first, in every order of events', () => {
    const ends = [refused('a'), completed('b'), failed('c'), lost('d'), aborted('e'), denied('f')];
    fc.assert(
      fc.property(fc.shuffledSubarray([admitted('x'), held('y'), dispatched('z'), ...ends]), (history) => {
        const record = fold(...history);
        const intents = history.filter((fact) => 'decision' in fact.data);
        // A refusal is an end unless another intent came before it.
        const first = history.find((fact) => ends.includes(fact) && (fact.type !== 'call.refused' || intents[0] === fact));
        expect(record.end?.event ?? null).toBe(first?.origin.id ?? null);
        expect(record.responsible === null || record.end === null).toBe(true);
      }),
    );
  });

  it('says who has to end the call: who admitted it, who dispatched it, nobody while it waits', () => {
    expect(fold(admitted('a', { instance: 'one', epoch: '5' })).responsible).toEqual({ instance: 'one', epoch: '5' });
    expect(fold(held('a')).responsible).toBeNull();
    expect(fold(held('a'), dispatched('b', { instance: 'two', epoch: '7' })).responsible).toEqual({ instance: 'two', epoch: '7' });
    expect(fold(admitted('a'), completed('b')).responsible).toBeNull();
  });

  it('gathers the detector rules of both directions, each once', () => {
    expect(fold(admitted('a', {}, { findings: ['b-rule', 'a-rule'] }), completed('b', {}, { findings: ['b-rule', 'c-rule'] })).findings).toEqual(['a-rule', 'b-rule', 'c-rule']);
  });

  it('says why a call ended that was not completed', () => {
    expect(fold(admitted('a'), failed('b')).end?.reason).toBe('unreachable: no route');
    expect(fold(held('a'), denied('b')).end?.reason).toBe('denied: not today');
    expect(fold(refused('a')).end?.reason).toBe('the vault stays closed');
  });
});

describe('an event', () => {
  it('of another kind is no fact about a call', () => {
    expect(readFact('registry.tool.accepted', {}, { id: 'a', time: 't', instance: null, epoch: null })).toBeUndefined();
  });

  it('whose data does not fit is refused with what is wrong', () => {
    expect(() => readFact('call.completed', { call: 'not a ulid', error: 'maybe' }, { id: 'a', time: 't', instance: null, epoch: null })).toThrow(
      /call\.completed does not fit its schema: call: .*; error: /,
    );
  });
});
