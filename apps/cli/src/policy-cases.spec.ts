import { describe, expect, it } from '@jest/globals';
import type { PolicyDryRun } from '@customhouse/http-contract/policy';
import { differences, readCases } from './policy-cases.js';

const file = `
cases:
  - name: Deleting is held
    call: { server: files, tool: delete_file, labels: [destructive] }
    decision: { effect: hold, rules: [destructive-tools, undescribed-tools], approve: { quorum: 1, expires_s: 900 } }
    audit: { event: call.held, reason: because }
`;
const answer: PolicyDryRun = {
  decision: {
    effect: 'hold',
    rules: [
      { id: 'destructive-tools', effect: 'hold', reason: 'x' },
      { id: 'undescribed-tools', effect: 'hold', reason: 'y' },
    ],
    obligations: { approve: { quorum: 1, expires_s: 900 } },
    policy: { number: 0, digest: 'd' },
  },
  reason: 'because',
  event: 'call.held',
  arguments_needed: [],
  visible: true,
};

describe('a case', () => {
  const [single] = readCases(file, 'cases.yaml').cases;

  it('passes when everything it says comes out', () => {
    expect(differences(single!, answer)).toEqual([]);
  });

  it('names everything that comes out otherwise', () => {
    const other: PolicyDryRun = {
      ...answer,
      decision: { ...answer.decision, effect: 'allow', rules: [answer.decision.rules[1]!], obligations: {} },
      event: 'call.admitted',
      reason: 'why not',
    };
    expect(differences(single!, other)).toEqual([
      'the effect is allow, not hold',
      'the rules are undescribed-tools, not destructive-tools, undescribed-tools',
      'it asks for nobody, not for 1 within 900 s',
      'the event is call.admitted, not call.held',
      'the reason is "why not", not "because"',
    ]);
  });
});

describe('a file of cases', () => {
  it.each([
    ['cases: [', 'cases.yaml is not YAML'],
    ['cases: []', 'cases.yaml does not hold cases'],
    ['cases: [{ name: x }]', 'cases.yaml does not hold cases'],
  ])('that is none says so: %s', (text, message) => {
    expect(() => readCases(text, 'cases.yaml')).toThrow(message);
  });
});
