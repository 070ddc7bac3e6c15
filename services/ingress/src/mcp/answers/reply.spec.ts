import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Decision } from '@customhouse/policy-contract/decision';
import { Failure } from '../failure.js';
import type { Outcome } from '../outcome.js';
import { deniedReply, failureReply, outcomeReply, pendingReply, refusalReply } from './reply.js';

const receipt = { call: 'C', event: 'E', instance: 'i', epoch: '1', sequence: 7 };
const decision: Decision = {
  effect: 'refuse',
  rules: [
    { id: 'no-delete', effect: 'refuse', reason: 'Deleting is not for agents.' },
    { id: 'reading', effect: 'allow', reason: 'It reads.' },
  ],
  obligations: {},
  policy: { number: 1, digest: 'P' },
};
const about = { id: 'C', method: 'tools/call' } as const;
const completed = (result: JsonObject, findings: Extract<Outcome, { kind: 'completed' }>['findings'] = []): Outcome => ({ kind: 'completed', result, text: '', findings });

describe('the reply to a call', () => {
  it('is what the server answered, unknown fields included, with the receipt beside what the server had in _meta', () => {
    const result = { content: [], future: { kept: 1 }, _meta: { theirs: true, 'customhouse/decision': 'forged' } };
    expect(outcomeReply('C', completed(result), receipt)).toEqual({
      result: { content: [], future: { kept: 1 }, _meta: { theirs: true, 'customhouse/receipt': receipt } },
    });
  });

  it('says what the detectors found', () => {
    const finding = { rule: 'credential', severity: 'high', location: 'result/x', message: 'contains a key' } as const;
    expect(outcomeReply('C', completed({ content: [] }, [finding]), receipt)).toMatchObject({ result: { _meta: { 'customhouse/findings': [finding] } } });
  });

  it("relays a server's error as it came", () => {
    const error = { code: -32602, message: 'bad', data: { x: 1 }, more: true };
    expect(outcomeReply('C', { kind: 'error', error, text: '', findings: [] }, receipt)).toEqual({ error });
  });

  it('tells a call that was not sent from one whose outcome nobody knows', () => {
    expect(outcomeReply('C', { kind: 'unsent', rule: 'upstream-unavailable', reason: 'r', message: 'm' }, receipt)).toMatchObject({
      error: { code: -31002, message: 'm', data: { rule: 'upstream-unavailable', call: 'C' } },
    });
    expect(outcomeReply('C', { kind: 'lost', reason: 'timeout', message: 'm' }, receipt)).toMatchObject({
      error: { code: -31003, data: { rule: 'outcome-unknown', call: 'C' } },
    });
  });

  it('is nothing for who cancelled', () => {
    expect(outcomeReply('C', { kind: 'aborted', reason: 'cancelled' }, undefined)).toBeUndefined();
    expect(outcomeReply('C', { kind: 'lost', reason: 'cancelled', message: 'm' }, undefined)).toBeUndefined();
  });
});

describe('the reply to a call that is not made', () => {
  it('is a result that the model can read, with the refusing rules and no others', () => {
    const { result } = refusalReply(about, decision, receipt) as { result: JsonObject };
    expect(result).toMatchObject({
      isError: true,
      _meta: { 'customhouse/decision': { effect: 'refuse', call: 'C', rules: ['no-delete', 'reading'] }, 'customhouse/receipt': receipt },
    });
    expect(JSON.stringify(result['content'])).toContain('Deleting is not for agents. (rule no-delete)');
    expect(JSON.stringify(result['content'])).not.toContain('It reads');
  });

  it('says how to go on waiting for a person', () => {
    const { result } = pendingReply(about, { ...decision, effect: 'hold' }, { id: 'A', expires: '2026-11-22T13:00:00.000Z', link: undefined }) as { result: JsonObject };
    expect(result).toMatchObject({ isError: true, _meta: { 'customhouse/decision': { effect: 'hold', approval: 'A', expires: '2026-11-22T13:00:00.000Z' } } });
    expect(JSON.stringify(result['content'])).toMatch(/Approval pending.*2026-11-22T13:00:00.000Z.*Repeat the identical call/);
    expect((result['_meta'] as JsonObject)['customhouse/decision']).not.toHaveProperty('link');
  });

  it('says where people decide, when that is known', () => {
    const { result } = pendingReply(about, { ...decision, effect: 'hold' }, { id: 'A', expires: 'then', link: 'https://desk.example/approvals/A' }) as { result: JsonObject };
    expect(JSON.stringify(result['content'])).toContain('People decide at https://desk.example/approvals/A.');
    expect(result).toMatchObject({ _meta: { 'customhouse/decision': { link: 'https://desk.example/approvals/A' } } });
  });

  it('says who denied it and why', () => {
    const { result } = deniedReply(about, 'A', 'denied', 'denied by bob: not today', receipt) as { result: JsonObject };
    expect(JSON.stringify(result['content'])).toContain('denied by bob: not today');
    expect(result).toMatchObject({ isError: true, _meta: { 'customhouse/decision': { effect: 'refuse', rules: ['denied'], approval: 'A' } } });
  });

  it('is an error where the result of the method has no place for a text', () => {
    expect(refusalReply({ id: 'C', method: 'prompts/get' }, decision, receipt)).toMatchObject({ error: { data: { rule: 'refused', effect: 'refuse', receipt } } });
  });

  it('names the rule of a failure', () => {
    expect(failureReply(new Failure('log-unavailable', 'm', { call: 'C' }))).toEqual({
      error: { code: -31001, message: 'm', data: { rule: 'log-unavailable', call: 'C' } },
    });
  });
});
