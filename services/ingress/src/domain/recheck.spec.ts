import { describe, expect, it } from '@jest/globals';
import { objection, type Standing } from './recheck.js';

const sound: Standing = {
  binding: { held: 'B', approved: 'B', remade: 'B' },
  argumentsIntact: true,
  expires: 1_000,
  now: 999,
  credential: 'valid',
  definition: { held: 'D', served: 'D' },
  generation: { held: 1, served: 1 },
  stopped: undefined,
  effect: 'hold',
  terms: { held: { quorum: 2, expires_s: 60 }, now: { quorum: 2, expires_s: 60 } },
};

describe('an approved call just before it is sent', () => {
  it.each([['hold'], ['allow']] as const)('may be sent while the policy says %s and nothing has changed', (effect) => {
    expect(objection({ ...sound, effect })).toBeUndefined();
  });

  it.each<[string, Partial<Standing>, string]>([
    ['another binding was approved', { binding: { held: 'B', approved: 'X', remade: 'B' } }, 'digest-mismatch'],
    ['the stored event was altered', { binding: { held: 'B', approved: 'B', remade: 'X' } }, 'digest-mismatch'],
    ['the arguments do not open', { argumentsIntact: false }, 'digest-mismatch'],
    ['somebody stopped it', { stopped: 'the agent "robot" is stopped' }, 'stopped'],
    ['the time is over', { now: 1_000 }, 'expired'],
    ['the time cannot be read', { expires: Number.NaN, now: Number.NaN }, 'expired'],
    ['the key was revoked', { credential: 'revoked' }, 'identity-revoked'],
    ['the key has expired', { credential: 'expired' }, 'identity-revoked'],
    ['the key is gone', { credential: 'unknown' }, 'identity-revoked'],
    ['the definition changed', { definition: { held: 'D', served: 'E' } }, 'definition-changed'],
    ['the tool is no longer served', { definition: { held: 'D', served: undefined } }, 'definition-changed'],
    ['nothing was served then, nor is now', { definition: { held: null, served: undefined } }, 'definition-changed'],
    ['the server was configured anew', { generation: { held: 1, served: 2 } }, 'definition-changed'],
    ['the policy refuses it now', { effect: 'refuse' }, 'policy-changed'],
    ['the policy asks for more people now', { terms: { held: { quorum: 2, expires_s: 60 }, now: { quorum: 3, expires_s: 60 } } }, 'policy-changed'],
  ])('is not sent when %s', (_, change, reason) => {
    expect(objection({ ...sound, ...change })?.reason).toBe(reason);
  });

  it('is stopped for what is most serious when several things are wrong', () => {
    expect(objection({ ...sound, argumentsIntact: false, now: 5_000, effect: 'refuse' })?.reason).toBe('digest-mismatch');
    expect(objection({ ...sound, stopped: 'everything is stopped', argumentsIntact: false })).toEqual({ reason: 'stopped', message: 'everything is stopped' });
  });
});
