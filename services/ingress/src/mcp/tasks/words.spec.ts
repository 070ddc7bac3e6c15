import { describe, expect, it } from '@jest/globals';
import type { TaskState, TaskView } from './task.js';
import { legacyTask, modernTask, relatedIn, relatedTask, relatedTo, unrelated } from './words.js';

const view = (state: TaskState, message?: string): TaskView => ({ taskId: 'T', created: 0, updated: 1_000, ttl_ms: 10, poll_ms: 5, message, state });
const times = { taskId: 'T', createdAt: '1970-01-01T00:00:00.000Z', lastUpdatedAt: '1970-01-01T00:00:01.000Z' };
const text = (words: string): { type: string; text: string }[] => [{ type: 'text', text: words }];

describe('a task', () => {
  it.each<[TaskState, object, object]>([
    [{ status: 'working' }, { status: 'working' }, { status: 'working' }],
    [{ status: 'input_required', questions: { a: {} } }, { status: 'input_required', inputRequests: { a: {} } }, { status: 'input_required' }],
    [{ status: 'cancelled' }, { status: 'cancelled' }, { status: 'cancelled' }],
    [{ status: 'ended', reply: { result: { content: [] } } }, { status: 'completed', result: { resultType: 'complete', content: [] } }, { status: 'completed' }],
    [
      { status: 'ended', reply: { result: { content: text('broken'), isError: true } } },
      { status: 'completed', result: { resultType: 'complete', content: text('broken'), isError: true } },
      { status: 'failed', statusMessage: 'broken' },
    ],
    [
      { status: 'ended', reply: { error: { code: 1, message: 'm' } } },
      { status: 'failed', error: { code: 1, message: 'm' } },
      { status: 'failed', statusMessage: 'm' },
    ],
  ])('that is %j is worded by both eras', (state, modern, legacy) => {
    expect(modernTask(view(state))).toEqual({ ...times, ttlMs: 10, pollIntervalMs: 5, ...modern });
    expect(legacyTask(view(state))).toEqual({ ...times, ttl: 10, pollInterval: 5, ...legacy });
  });

  it('says in words how it is going', () => {
    expect([modernTask(view({ status: 'working' }, 'half')), legacyTask(view({ status: 'working' }, 'half'))]).toEqual([
      expect.objectContaining({ statusMessage: 'half' }),
      expect.objectContaining({ statusMessage: 'half' }),
    ]);
  });

  it('has not failed when the gateway decided about it: agents do not get to read why something failed', () => {
    const result = { content: text('Refused'), isError: true, _meta: { 'customhouse/decision': {} } };
    expect(legacyTask(view({ status: 'ended', reply: { result } }))).toMatchObject({ status: 'completed' });
  });
});

describe('the name of a task in a message', () => {
  it('is put beside what is there, and taken out again', () => {
    const message = { a: 1, _meta: { mine: 2 } };
    const named = relatedTo('T', message);
    expect(named).toEqual({ a: 1, _meta: { mine: 2, [relatedTask]: { taskId: 'T' } } });
    expect(relatedIn(named)).toBe('T');
    expect(unrelated(named)).toEqual(message);
    expect(unrelated(relatedTo('T', { a: 1 }))).toEqual({ a: 1 });
  });

  it.each([undefined, 1, {}, { _meta: 1 }, { _meta: { [relatedTask]: 1 } }, { _meta: { [relatedTask]: { taskId: 1 } } }])('is not in %j', (content) => {
    expect(relatedIn(content)).toBeUndefined();
  });
});
