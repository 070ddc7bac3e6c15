import { expect } from '@jest/globals';
import { decide, type Command, type Evidence } from '../src/domain/decide.js';
import { noLinks } from '../src/domain/person.js';
import { evolve, initial, RequestRefused, type RefusalRule, type Request, type RequestEvent } from '../src/domain/request.js';
import type { CastVote } from '../src/domain/voting.js';

export const approval = '01K0000000000000000000000A';
export const call = '01K0000000000000000000000C';
export const noon = Date.parse('2026-11-22T12:00:00.000Z');
export const expires = '2026-11-22T13:00:00.000Z';
export const one = Date.parse(expires);
const held = { topic: 'customhouse.calls', partition: 3, offset: 17 };
export const clean: Evidence = { ended: false, dispatched: false, searched: 40 };
export const ended: Evidence = { ...clean, ended: true };

export type Terms = Extract<Command, { do: 'open' }>['request']['terms'];

export const opened = (quorum = 1, terms: Partial<Terms> = {}): RequestEvent => ({
  type: 'approval.request.opened',
  data: {
    approval,
    call,
    binding: 'b1nd1ng',
    requester: { tenant: 'default', agent: 'claude', person: 'alice', owner: 'olaf', actors: ['planner'] },
    method: 'tools/call',
    server: 'bank',
    tool: 'transfer',
    rules: ['hold-transfers'],
    reason: 'money leaves the house',
    terms: { quorum, expires_s: 3600, ...terms },
    opened: '2026-11-22T12:00:00.000Z',
    expires,
    held,
  },
});
export const cast = (by: string, verdict: 'approve' | 'deny' = 'approve', more: { groups?: string[]; for?: string; fresh?: boolean } = {}): RequestEvent => ({
  type: 'approval.vote.cast',
  data: { approval, by, for: null, groups: [], verdict, reason: 'looked at it', via: 'api', fresh: false, preview: 'pr3v13w', ...more },
});
export const granted = (...by: string[]): RequestEvent => ({ type: 'approval.request.granted', data: { approval, call, binding: 'b1nd1ng', by } });
export const denied = (by: string, reason = 'looked at it'): RequestEvent => ({ type: 'approval.request.denied', data: { approval, call, by, reason } });
export const expired: RequestEvent = { type: 'approval.request.expired', data: { approval, call } };
export const cancelled = (by: string): RequestEvent => ({ type: 'approval.request.cancelled', data: { approval, call, by, reason: 'not needed' } });
export const named = (instance: string, epoch = '100', attempt = 1, searched = 40): RequestEvent => ({
  type: 'approval.dispatcher.named',
  data: { approval, call, binding: 'b1nd1ng', instance, epoch, attempt, held, searched },
});
export const closed = (terminal = 'call.completed'): RequestEvent => ({ type: 'approval.request.closed', data: { approval, call, terminal } });

export const vote = (person: string, verdict: 'approve' | 'deny' = 'approve', changes: Partial<CastVote> = {}): CastVote => ({
  do: 'vote',
  by: { agent: `${person}-console`, person },
  verdict,
  groups: [],
  delegations: [],
  links: noLinks,
  reason: 'looked at it',
  via: 'api',
  fresh: false,
  preview: 'pr3v13w',
  now: noon,
  ...changes,
});
export const cancel = (person: string, operator = false, now = noon): Command => ({
  do: 'cancel',
  by: { agent: `${person}-console`, person },
  operator,
  links: noLinks,
  reason: 'not needed',
  now,
});
export const expire = (now: number, evidence = clean): Command => ({ do: 'expire', evidence, now });
export const name = (instance: string, evidence = clean, now = noon, epoch = '100'): Command => ({ do: 'name', instance, epoch, evidence, now });

/** A history, a command, and what comes of it: exactly, and in order. */
export function given(...history: RequestEvent[]) {
  const state = history.reduce(evolve, initial as Request);
  return {
    when: (command: Command) => ({
      then: (...events: RequestEvent[]) => expect(decide(command, state)).toEqual(events),
      thenRefused: (rule: RefusalRule, message: RegExp) => {
        let refusal: unknown;
        try {
          decide(command, state);
        } catch (error) {
          refusal = error;
        }
        expect(refusal).toBeInstanceOf(RequestRefused);
        expect((refusal as RequestRefused).rule).toBe(rule);
        expect((refusal as RequestRefused).message).toMatch(message);
      },
    }),
  };
}
