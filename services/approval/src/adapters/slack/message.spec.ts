import { describe, expect, it } from '@jest/globals';
import type { ApprovalDetail } from '@customhouse/http-contract/approval';
import { requestMessage } from './message.js';

const detail: ApprovalDetail = {
  ...{ approval: '01K00000000000000000000000', call: '01K00000000000000000000001', status: 'open', agent: 'claude', person: 'alice', owner: null, method: 'tools/call' },
  ...{
    server: 'bank',
    tool: 'transfer',
    rules: ['hold-transfers'],
    reason: 'Money leaves the house.',
    binding: 'b',
    quorum: 1,
    terms: { quorum: 1, expires_s: 3600, groups: [{ group: 'finance', quorum: 1 }] },
    approvers: [],
  },
  ...{ missing: { people: 1, groups: [{ group: 'finance', missing: 1 }] }, opened: '2026-11-22T10:00:00.000Z', expires: '2026-11-22T11:00:00.000Z', reminded: 0, escalated: null },
  ...{ break_glass: null, decided: null, decided_by: [], decision: null, dispatcher: null, terminal: null, rendering: 'arguments:\n  /to = "DE02"', complete: true, preview: 'p' },
};
const link = 'https://customs.example/approvals/1';
const message = (changes: Partial<ApprovalDetail> = {}, showArguments = true) => {
  const made = requestMessage({ ...detail, ...changes }, link, showArguments);
  return {
    ...made,
    all: JSON.stringify(made.blocks),
    buttons: made.blocks.flatMap((block) => (block.type === 'actions' ? block.elements.map((element) => element.action_id) : [])),
  };
};

describe('the message about a request', () => {
  it('shows what would run, and says who is still needed', () => {
    const { all, buttons, preview, text } = message();
    expect([buttons, preview, text]).toEqual([['approve', 'deny', 'details'], 'p', 'claude wants to run transfer on bank']);
    expect(all).toContain('/to = \\"DE02\\"');
    expect(all).toContain('0 of 1 person has approved; of finance 0 of 1.');
  });

  it('has nothing of the arguments and no button to approve where they are hidden from Slack', () => {
    const { all, buttons, preview } = message({}, false);
    expect([buttons, preview]).toEqual([['deny', 'details'], null]);
    expect(all).not.toContain('DE02');
  });

  it('says that something is hidden', () => expect(message({ complete: false }).all).toContain('Not everything can be shown'));

  it.each([
    ['granted', { decided_by: ['bob'] }, 'Approved by bob.'],
    ['denied', { decided_by: ['bob'], decision: 'not now' }, 'The request is denied by bob: not now'],
    ['expired', { decision: 'nobody decided in time' }, 'The request is expired: nobody decided in time'],
  ] as const)('asks nothing any more when the request is %s', (status, changes, words) => {
    const { all, buttons, preview } = message({ status, ...changes, decided_by: [...('decided_by' in changes ? changes.decided_by : [])] });
    expect([buttons, preview, all.includes(words), all.includes('DE02')]).toEqual([['details'], null, true, false]);
  });

  it('keeps every text within what Slack takes, whatever is in it', () => {
    const long = '<&>\u202E'.repeat(3_000);
    const { blocks } = message({ agent: long, tool: long, person: long, reason: long, rules: [long] });
    const texts = JSON.stringify(blocks).matchAll(/"type":"plain_text","text":"((?:[^"\\]|\\.)*)"/g);
    expect(Math.max(...[...texts].map(([, text]) => text!.length))).toBeLessThanOrEqual(3_000);
  });
});
