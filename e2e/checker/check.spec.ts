import { describe, expect, it } from '@jest/globals';
import { check, type Witnesses } from './check.js';

let offset = 0;
let sequence = 0;

function event(type: string, data: Record<string, unknown>, overrides: Record<string, unknown> = {}): Witnesses['log'][number] {
  offset += 1;
  sequence += 1;
  const value = {
    specversion: '1.0',
    id: `id-${offset}`,
    type: `customhouse.${type}.v1`,
    instance: 'i',
    epoch: '1',
    sequence: String(sequence).padStart(16, '0'),
    time: '',
    data,
    ...overrides,
  };
  return { topic: 'customhouse.calls', partition: 0, offset, key: 's', value: JSON.stringify(value) };
}

/** One call that went well, seen by all four witnesses. */
function goodRun(): { -readonly [K in keyof Witnesses]: Witnesses[K] } {
  offset = 0;
  sequence = 0;
  return {
    upstream: [{ marker: 'm1', at: 0 }],
    clients: [{ marker: 'm1', got: 'result', call: 'c1', content: 'r1' }],
    log: [event('call.admitted', { call: 'c1', arguments: 'm1' }), event('call.completed', { call: 'c1', result: 'r1' })],
    database: [{ call: 'c1', status: 'completed' }],
    markerOf: (sealed) => sealed as string,
    contentOf: (sealed) => sealed as string,
  };
}

const found = (witnesses: Witnesses): string[] => check(witnesses).map((violation) => violation.invariant);

describe('the checker', () => {
  it('finds nothing in a good run', () => {
    expect(check(goodRun())).toEqual([]);
  });

  it('finds an effect without an intent (I1)', () => {
    const run = goodRun();
    run.upstream = [...run.upstream, { marker: 'm2', at: 0 }];
    expect(found(run)).toEqual(['I1']);
  });

  it('finds a call that was sent twice (I1)', () => {
    const run = goodRun();
    run.upstream = [...run.upstream, ...run.upstream];
    expect(found(run)).toEqual(['I1']);
  });

  it('finds a held call that ran without a recorded dispatch (I1)', () => {
    const run = goodRun();
    run.log = [
      event('call.held', { call: 'c1', arguments: 'm1' }, { id: 'x', sequence: '0000000000000001' }),
      event('call.completed', { call: 'c1', result: 'r1' }, { sequence: '0000000000000002' }),
    ];
    expect(found(run)).toEqual(['I1']);
  });

  it('finds a reply whose outcome is not in the log (I2)', () => {
    const run = goodRun();
    run.log = [run.log[0]!, event('call.outcome.lost', { call: 'c1' }, { sequence: '0000000000000002' })];
    run.database = [{ call: 'c1', status: 'lost' }];
    expect(found(run)).toEqual(['I2']);
  });

  it('finds a result that is another one than the log has (I2)', () => {
    const run = goodRun();
    run.clients = [{ ...run.clients[0]!, content: 'r2' }];
    expect(found(run)).toEqual(['I2']);
  });

  it('finds a call without an end, and one with two (I3)', () => {
    const open = goodRun();
    open.log = [open.log[0]!];
    open.clients = [{ marker: 'm1', got: 'unknown' }];
    expect(found(open)).toEqual(['I3']);
    const twice = goodRun();
    twice.log = [...twice.log, event('call.outcome.lost', { call: 'c1' })];
    expect(found(twice)).toEqual(['I3']);
  });

  it('finds a terminal event of a call that nobody made (I4)', () => {
    const run = goodRun();
    run.log = [...run.log, event('call.completed', { call: 'c9' })];
    expect(found(run)).toContain('I4');
  });

  it('finds an intent that comes after its outcome (I5)', () => {
    const run = goodRun();
    run.log = [
      event('call.completed', { call: 'c1', result: 'r1' }, { sequence: '0000000000000001' }),
      event('call.admitted', { call: 'c1', arguments: 'm1' }, { sequence: '0000000000000002' }),
    ];
    expect(found(run)).toContain('I5');
  });

  it('finds a database that lacks, contradicts or invents a call (I6)', () => {
    for (const database of [
      [],
      [{ call: 'c1', status: 'failed' }],
      [
        { call: 'c1', status: 'completed' },
        { call: 'c7', status: 'completed' },
      ],
    ]) {
      expect(found({ ...goodRun(), database })).toEqual(['I6']);
    }
  });

  it('finds a gap in a chain that nothing explains (I7)', () => {
    const run = goodRun();
    run.log = [run.log[0]!, event('call.completed', { call: 'c1', result: 'r1' }, { sequence: '0000000000000005' })];
    expect(found(run)).toEqual(['I7']);
  });

  it('counts an event that two processes sent in the chain of each', () => {
    const run = goodRun();
    const again = { id: 'id-2', instance: 'j' };
    run.log = [
      ...run.log,
      event('call.completed', { call: 'c1', result: 'r1' }, { ...again, sequence: '0000000000000001' }),
      event('x', {}, { instance: 'j', sequence: '0000000000000002' }),
    ];
    expect(check(run)).toEqual([]);
  });

  it('finds two events in one place of a chain (I7)', () => {
    const run = goodRun();
    run.log = [...run.log, event('x', {}, { sequence: '0000000000000002' })];
    expect(found(run)).toEqual(['I7']);
  });

  it('reads a record that was delivered twice as one', () => {
    const run = goodRun();
    run.log = [...run.log, { ...run.log[1]!, offset: 99 }];
    expect(check(run)).toEqual([]);
  });
});
