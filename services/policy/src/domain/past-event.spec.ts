import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { pastEvent, tellsOfPast, type LoggedEvent } from './past-event.js';

const corpus = new URL('../../../../contracts/events/fixtures/', import.meta.url);
const fixtures = readdirSync(corpus).flatMap((type) =>
  type.startsWith('call.')
    ? readdirSync(new URL(`${type}/v1/`, corpus)).map((name) => ({
        type,
        data: (JSON.parse(readFileSync(new URL(`${type}/v1/${name}`, corpus), 'utf8')) as { data: unknown }).data,
      }))
    : [],
);
const logged = (type: string, data: unknown): LoggedEvent => ({ type, data, key: 's-1', position: { partition: 3, offset: 7 } });
const finding = (rule: string) => ({ rule, severity: 'high', location: 'result', message: 'Seen.' });

describe('an event of a call', () => {
  it('of every type is either passed over or says what happened', () => {
    const happened = new Set(fixtures.map(({ type, data }) => `${type} ${tellsOfPast(logged(type, data)) ? pastEvent(logged(type, data), 1_000).happened : '-'}`));
    expect([...happened].sort()).toEqual([
      'call.aborted -',
      'call.admitted decided',
      'call.completed -',
      'call.completed found',
      'call.denied -',
      'call.dispatched sent',
      'call.failed -',
      'call.held decided',
      'call.outcome.collected -',
      'call.outcome.lost -',
      'call.refused decided',
      'call.withdrawn -',
    ]);
  });

  it('has a place that ascends with the log of its session', () => {
    const at = (offset: number, partition = 3) => pastEvent({ ...logged('call.dispatched', { call: 'c' }), position: { partition, offset } }, 1_000).number;
    expect([at(7) < at(8), at(8, 0) > at(7, 5), Number.isSafeInteger(at(2 ** 40))]).toEqual([true, true, true]);
  });

  it('with findings names each rule once, and the session', () => {
    const data = { call: 'c-1', findings: [finding('secret'), finding('prompt-injection'), finding('secret')] };
    expect(pastEvent(logged('call.completed', data), 1_000)).toMatchObject({ happened: 'found', call: 'c-1', session: 's-1', rules: ['secret', 'prompt-injection'], time: 1_000 });
    expect(tellsOfPast(logged('call.completed', { ...data, findings: [] }))).toBe(false);
  });

  it('of a version that this program does not know is passed over', () => {
    expect(tellsOfPast({ ...logged('call.admitted', {}), foreign: 'newer-version' })).toBe(false);
  });
});
