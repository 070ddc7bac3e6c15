import { describe, expect, it } from '@jest/globals';
import { ulidTime } from '@customhouse/kernel/ulid';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { callerOf } from '../caller.js';
import { Conversations } from './conversations.js';

const hour = 3_600_000;
const now = Date.parse('2026-11-22T17:00:00.000Z');
const caller = (person: string): ReturnType<typeof callerOf> => callerOf({ tenant: 'default', agent: 'robot', person, groups: [], credential: { kind: 'key', id: 'k' } });
const [ada, bob] = [caller('ada@example.com'), caller('bob@example.com')];
const conversations = new Conversations(new Uint8Array(32), hour);
const id = (meta: Parameters<Conversations['idFor']>[1], at = now, who = ada): string => conversations.idFor(who, meta, at);

describe('the session of a client that has none', () => {
  it('is one for each conversation that the client names, at any time', () => {
    expect(id({ 'customhouse/conversation': 'a' }, now + 100 * hour)).toBe(id({ 'customhouse/conversation': 'a' }));
    expect(id({ 'customhouse/conversation': 'b' })).not.toBe(id({ 'customhouse/conversation': 'a' }));
  });

  it.each(['gen_ai.conversation.id=c1', 'x=y, gen_ai.conversation.id = c1 ;ttl=1,session.id=other', 'session.id=c1'])('is named by the baggage %j too', (baggage) => {
    expect(id({ baggage })).toBe(id({ 'customhouse/conversation': 'c1' }));
  });

  it('is nobody else’s, though they name it alike', () => {
    expect(id({ 'customhouse/conversation': 'a' }, now, bob)).not.toBe(id({ 'customhouse/conversation': 'a' }));
  });

  it('lasts for a window where the client names none, in every replica alike', () => {
    const begin = ulidTime(id({}));
    expect([begin <= now, begin + hour > now]).toEqual([true, true]);
    const other = new Conversations(new Uint8Array(32), hour);
    expect(other.idFor(ada, {}, begin)).toBe(id({}));
    expect(id({}, begin + hour - 1)).toBe(id({}));
    expect(id({}, begin + hour)).not.toBe(id({}));
    expect(id({}, begin - 1)).not.toBe(id({}));
  });

  it('ends at another moment for another caller', () => {
    expect(ulidTime(id({}, now, bob))).not.toBe(ulidTime(id({})));
  });

  it.each<JsonObject>([{ 'customhouse/conversation': '' }, { 'customhouse/conversation': 'x'.repeat(257) }, { 'customhouse/conversation': 7 }, { baggage: 'nothing' }])(
    'is not named by %j',
    (meta) => {
      expect(id(meta)).toBe(id({}));
    },
  );

  it('cannot be guessed without the key', () => {
    expect(new Conversations(new Uint8Array(32).fill(1), hour).idFor(ada, {}, now)).not.toBe(id({}));
  });
});
