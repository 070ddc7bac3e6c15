import { describe, expect, it } from '@jest/globals';
import { verdictOf } from './verdicts.js';

describe('what a broker’s error means for the records', () => {
  it.each([
    ['MESSAGE_TOO_LARGE', 10, -1, 'refused'],
    ['TOPIC_AUTHORIZATION_FAILED', 29, -1, 'refused'],
    ['NOT_ENOUGH_REPLICAS', 19, -1, 'transient'],
    ['NOT_LEADER_OR_FOLLOWER before the append', 6, -1, 'transient'],
    ['NOT_LEADER_OR_FOLLOWER while waiting for replicas', 6, 1234, 'indeterminate'],
    ['NOT_LEADER_OR_FOLLOWER from a client that hides the offset', 6, undefined, 'indeterminate'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 20, 1234, 'indeterminate'],
    ['REQUEST_TIMED_OUT', 7, 1234, 'indeterminate'],
    ['KAFKA_STORAGE_ERROR', 56, -1, 'indeterminate'],
    ['a code of the future', 999, -1, 'indeterminate'],
  ] as const)('%s', (_, code, offset, verdict) => {
    expect(verdictOf(code, offset)).toBe(verdict);
  });
});
