import { describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { Task } from './task.js';

let clock = 0;

function made(message?: string): { task: Task; abandon: jest.Mock; ended: jest.Mock; questions: JsonObject } {
  clock = 1_000;
  const abandon = jest.fn();
  const ended = jest.fn();
  const questions: JsonObject = {};
  const terms = { call: 'c', method: 'tools/call' as const, position: undefined, ttl_ms: 10, poll_ms: 5, abandon, ...(message !== undefined && { message }) };
  return { task: new Task('T', terms, { questions: () => questions, tell: () => undefined }, () => clock, ended), abandon, ended, questions };
}

describe('a task', () => {
  it('is working from the beginning, in the words that it was begun with', () => {
    expect(made('waiting').task.view()).toEqual({ taskId: 'T', created: 1_000, updated: 1_000, ttl_ms: 10, poll_ms: 5, message: 'waiting', state: { status: 'working' } });
  });

  it('tells of each change until it is told not to', () => {
    const { task, questions } = made();
    const heard = jest.fn();
    const forget = task.onChange(heard);
    clock = 2_000;
    task.says('half');
    task.says('half');
    questions['a'] = {};
    task.changed();
    expect(heard).toHaveBeenCalledTimes(2);
    expect(task.view()).toMatchObject({ updated: 2_000, message: 'half', state: { status: 'input_required', questions: { a: {} } } });
    forget();
    task.says('all');
    expect(heard).toHaveBeenCalledTimes(2);
  });

  it('ends once, and what comes later does not count', () => {
    const { task, ended, abandon } = made('waiting');
    const heard = jest.fn();
    task.onChange(heard);
    task.end(undefined);
    task.end({ result: {} });
    task.says('more');
    task.abandon();
    expect([task.over, task.view().state, task.view().message]).toEqual([true, { status: 'cancelled' }, undefined]);
    expect([ended.mock.calls.length, heard.mock.calls.length, abandon.mock.calls.length]).toEqual([1, 1, 0]);
  });

  it('is given up once its client says so', () => {
    const { task, abandon } = made();
    task.abandon();
    expect(abandon).toHaveBeenCalledTimes(1);
  });

  it('says that its end was collected, to whoever wants to know, whenever they ask', () => {
    const { task } = made();
    const [early, late] = [jest.fn(), jest.fn()];
    task.onCollected(early);
    expect(early).not.toHaveBeenCalled();
    task.collected();
    task.collected();
    task.onCollected(late);
    expect([early.mock.calls.length, late.mock.calls.length]).toEqual([1, 1]);
  });
});
