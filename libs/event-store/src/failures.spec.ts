import { describe, expect, it } from '@jest/globals';
import { LogIndeterminate, LogRefused } from '@customhouse/event-log/sink';
import { backoff, failureKind } from './failures.js';
import { CommitUnknown } from './transaction.js';
import { StreamConflict } from './streams.js';

const coded = (code: string) => Object.assign(new Error('x'), { code });
const wrapped = (driverError: unknown) => Object.assign(new Error('QueryFailedError'), { driverError });

describe('a failure', () => {
  it.each([
    ['a serialization failure', coded('40001'), 'conflict'],
    ['a deadlock', coded('40P01'), 'conflict'],
    ['a lock that is not free', coded('55P03'), 'conflict'],
    ['a statement that took too long', coded('57014'), 'conflict'],
    ['a stream that somebody else appended to', new StreamConflict('approval-1', 3), 'conflict'],
    ['a shutdown', coded('57P01'), 'away'],
    ['a start', coded('57P03'), 'away'],
    ['too many connections', coded('53300'), 'away'],
    ['a broken connection', coded('08006'), 'away'],
    ['a refused connection', coded('ECONNREFUSED'), 'away'],
    ['a reset connection', coded('ECONNRESET'), 'away'],
    ['a connection that ended', new Error('Connection terminated unexpectedly'), 'away'],
    ['a pool without a free connection', new Error('timeout exceeded when trying to connect'), 'away'],
    ['an unknown commit', new CommitUnknown('x', { cause: coded('ECONNRESET') }), 'away'],
    ['a log that refuses', new LogRefused('x'), 'away'],
    ['an append of unknown fate', new LogIndeterminate('x'), 'away'],
    ['a wrapped deadlock', wrapped(coded('40P01')), 'conflict'],
    ['a unique violation', coded('23505'), 'lasting'],
    ['a syntax error', wrapped(coded('42601')), 'lasting'],
    ['a bug', new TypeError('x is not a function'), 'lasting'],
    ['a text', 'boom', 'lasting'],
    ['nothing', undefined, 'lasting'],
  ])('that is %s is told apart', (_, error, kind) => {
    expect(failureKind(error)).toBe(kind);
  });

  it('that is its own cause does not hang', () => {
    const circular = new Error('x');
    circular.cause = circular;
    expect(failureKind(circular)).toBe('lasting');
  });
});

describe('back-off', () => {
  it('doubles up to its limit, of which at least half is waited', () => {
    for (let attempt = 1; attempt < 40; attempt += 1) {
      const full = Math.min(5_000, 50 * 2 ** (attempt - 1));
      const wait = backoff(attempt);
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
    }
  });
});
