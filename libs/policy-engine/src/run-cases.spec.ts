import { describe, expect, it, jest } from '@jest/globals';
import { PolicyCase } from '@customhouse/policy-contract/cases';
import { rule, versionOf, wasm } from '../test/parts.js';
import { compilePolicy } from './policy.js';
import { runCases } from './run-cases.js';

jest.setTimeout(60_000);

const rules = [
  rule({
    id: 'hold-etc',
    effect: 'hold',
    who: { agents: ['claude'], people: ['ann'], groups: ['staff'] },
    when: [{ argument: '/path', is: 'like', value: '/etc/*' }],
    approve: { quorum: 2, expires_s: 60 },
  }),
  rule({ id: 'readers', effect: 'allow', labels: ['read-only'] }),
];
const right = {
  name: 'reading below /etc is held',
  call: { agent: 'claude', person: 'ann', groups: ['staff'], server: 'files', tool: 'read', labels: ['read-only'], arguments: { path: '/etc/passwd', other: 1 } },
  decision: { effect: 'hold', rules: ['hold-etc', 'readers'], approve: { quorum: 2, expires_s: 60 } },
  audit: { event: 'call.held', reason: 'Because of hold-etc. (rule hold-etc)' },
};

async function failures(...cases: unknown[]) {
  return runCases(
    await compilePolicy(versionOf(rules), wasm),
    cases.map((value) => PolicyCase.parse(value)),
  );
}

describe('cases', () => {
  it('pass when everything is as they say', async () => {
    expect(await failures(right, { name: 'nothing else is said', call: { server: 'files', tool: 'write' }, decision: { effect: 'refuse', rules: ['default-deny'] } })).toEqual([]);
  });

  it.each([
    ['effect', { decision: { ...right.decision, effect: 'allow' } }, 'the effect must be "allow", and is "hold"'],
    ['rules', { decision: { ...right.decision, rules: ['readers', 'hold-etc'] } }, 'the rules must be ["readers","hold-etc"], and is ["hold-etc","readers"]'],
    ['approval', { decision: { ...right.decision, approve: { quorum: 1, expires_s: 60 } } }, 'quorum of the approval must be 1, and is 2'],
    ['event', { audit: { ...right.audit, event: 'call.refused' } }, 'the event must be "call.refused", and is "call.held"'],
    ['reason', { audit: { ...right.audit, reason: 'Because.' } }, 'the reason must be "Because.", and is "Because of hold-etc. (rule hold-etc)"'],
  ])('fail when the %s is another, and say which', async (_, changes, difference) => {
    expect(await failures(right, { ...right, ...changes })).toEqual([{ name: right.name, differences: [difference] }]);
  });
});
