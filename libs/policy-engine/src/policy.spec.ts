import { describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rule } from '@customhouse/policy-contract/rules';
import { Decision } from '@customhouse/policy-contract/decision';
import { callOf, echoWasm, rule, versionOf, wasm } from '../test/parts.js';
import { compilePolicy } from './policy.js';

jest.setTimeout(60_000);

const readers = rule({ id: 'readers', effect: 'allow', labels: ['read-only'] });
const writers = rule({ id: 'writers', effect: 'hold', without_labels: ['read-only'], approve: { quorum: 2, expires_s: 600 } });
const secrets = rule({ id: 'secrets', effect: 'refuse', findings: ['credential'] });
const etc = rule({ id: 'no-etc', effect: 'refuse', tools: ['files/*'], when: [{ argument: '/path', is: 'like', value: '/etc/*' }] });
const rules = [readers, writers, secrets, etc];

describe('a policy', () => {
  it('says what it decided, by which rules and by which version', async () => {
    const policy = await compilePolicy(versionOf(rules, 12), wasm);
    const decision = policy.decide(callOf({ labels: [], findings: ['credential'] }));
    expect(decision).toEqual({
      effect: 'refuse',
      rules: [
        { id: 'secrets', effect: 'refuse', reason: 'Because of secrets.' },
        { id: 'writers', effect: 'hold', reason: 'Because of writers.' },
      ],
      obligations: {},
      policy: { number: 12, digest: policy.version.digest },
    });
    expect(Decision.parse(decision)).toEqual(decision);
  });

  it('says who must approve a call that it holds', async () => {
    const policy = await compilePolicy(versionOf(rules), wasm);
    expect(policy.decide(callOf({ labels: [] })).obligations).toEqual({ approve: { quorum: 2, expires_s: 600 } });
  });

  it('refuses everything by default-deny when it has no rules', async () => {
    const policy = await compilePolicy(versionOf([]), wasm);
    expect(policy.decide(callOf()).rules).toEqual([{ id: 'default-deny', effect: 'refuse', reason: 'No rule allows this call.' }]);
  });

  it('asks for the arguments that rules about the tool look at, and for no others', async () => {
    const policy = await compilePolicy(versionOf(rules), wasm);
    expect(policy.argumentsNeeded('files', 'read_file')).toEqual(['/path']);
    expect(policy.argumentsNeeded('mail', 'send')).toEqual([]);
  });

  it('does not let the order in which calls came change an answer that it remembers', async () => {
    const policy = await compilePolicy(versionOf(rules), wasm);
    const calls = [
      callOf(),
      callOf({ labels: [] }),
      callOf({ findings: ['credential'] }),
      callOf({ arguments: { '/path': '/etc/passwd' } }),
      callOf({ arguments: { '/path': '/tmp' } }),
    ];
    const expected = ['allow', 'hold', 'refuse', 'refuse', 'allow'];
    for (let round = 0; round < 3; round += 1) expect(calls.map((call) => policy.decide(call).effect)).toEqual(expected);
  });

  it('refuses a call whose arguments are too long to examine, and says so', async () => {
    const policy = await compilePolicy(versionOf(rules), wasm, { argument_characters: 1000 });
    expect(policy.decide(callOf({ arguments: { '/path': 'x'.repeat(1000) } })).effect).toBe('allow');
    expect(policy.decide(callOf({ arguments: { '/path': 'x'.repeat(600), '/mode': 'y'.repeat(401) } })).rules).toEqual([
      { id: 'policy-input-too-large', effect: 'refuse', reason: 'The arguments that the policy looks at have 1001 characters, and at most 1000 can be examined.' },
    ]);
  });

  it('examines 65,536 characters unless told otherwise', async () => {
    const policy = await compilePolicy(versionOf(rules), wasm);
    expect(policy.decide(callOf({ arguments: { '/path': 'x'.repeat(65_536) } })).effect).toBe('allow');
    expect(policy.decide(callOf({ arguments: { '/path': 'x'.repeat(65_537) } })).rules[0]!.id).toBe('policy-input-too-large');
  });

  it('refuses what it could not evaluate, reports it, shows no tool meanwhile, and recovers', async () => {
    const errors: Error[] = [];
    const policy = await compilePolicy(versionOf(rules), wasm, { memory_pages: 32, argument_characters: 1e9, onError: (error) => errors.push(error) });
    const decision = policy.decide(callOf({ arguments: { '/path': 'x'.repeat(8_000_000) } }));
    expect(decision).toMatchObject({ effect: 'refuse', rules: [{ id: 'policy-error', effect: 'refuse' }], obligations: {} });
    expect(policy.decide(callOf({ labels: [] })).rules[0]!.id).toBe('policy-error');
    expect(policy.visible(callOf().principal, { server: 'a', tool: 'b', labels: ['read-only'] })).toBe(false);
    expect(errors.map((error) => error.name)).toEqual(['EvaluationFailed', 'EvaluationFailed', 'EvaluationFailed']);
    expect(errors[0]!.message).not.toContain('xxx');
    for (let tries = 0; policy.decide(callOf()).effect !== 'allow'; tries += 1) {
      expect(tries).toBeLessThan(1000);
      await sleep(2);
    }
    expect(policy.visible(callOf().principal, { server: 'a', tool: 'b', labels: ['read-only'] })).toBe(true);
  });

  it('remembers no failure: the same call is decided as soon as it can be', async () => {
    const policy = await compilePolicy(versionOf(rules), wasm, { memory_pages: 32, argument_characters: 1e9 });
    policy.decide(callOf({ arguments: { '/path': 'x'.repeat(8_000_000) } }));
    expect(policy.decide(callOf()).rules[0]!.id).toBe('policy-error');
    for (let tries = 0; policy.decide(callOf()).effect !== 'allow'; tries += 1) {
      expect(tries).toBeLessThan(1000);
      await sleep(2);
    }
  });

  it('takes a decision with 2,000 rules for other tools and callers as it takes one with none', async () => {
    const others = Array.from({ length: 2000 }, (_, number) =>
      rule({ id: `other-${number}`, effect: 'refuse', ...(number % 2 ? { tools: [`server-${number}/*`] } : { who: { groups: [`team-${number}`] } }) }),
    );
    const policy = await compilePolicy(versionOf([...rules, ...others]), wasm);
    expect(policy.decide(callOf())).toMatchObject({ effect: 'allow', rules: [{ id: 'readers' }] });
    expect(policy.decide(callOf({ server: 'server-7' }))).toMatchObject({ effect: 'refuse', rules: [{ id: 'other-7' }, { id: 'readers' }] });
    expect(policy.decide(callOf({ principal: { ...callOf().principal, groups: ['team-8'] } })).rules[0]!.id).toBe('other-8');
  });

  it('holds 10,000 rules in the memory that it may have', async () => {
    const most = Array.from({ length: 10_000 }, (_, number) =>
      rule({
        id: `rule-${number}`,
        effect: 'hold',
        reason: 'A reason of some length, as people write them. '.repeat(3),
        tools: [`server-${number % 500}/tool_*`],
        who: { groups: [`team-${number}`] },
        when: [{ argument: '/path', is: 'like', value: `/data/team-${number}/*` }],
      }),
    );
    const policy = await compilePolicy(versionOf(most), wasm);
    const principal = { ...callOf().principal, groups: ['team-9999'] };
    expect(policy.decide(callOf({ principal, server: 'server-499', tool: 'tool_a', arguments: { '/path': '/data/team-9999/x' } })).effect).toBe('hold');
  });
});

describe('what lists show', () => {
  it.each([
    ['a tool that is allowed', ['read-only'], 'read_file', true],
    ['a tool whose calls are held', [], 'write_file', true],
    ['a tool that is refused only for some arguments', ['read-only'], 'get', true],
    ['nothing that is refused always', ['read-only'], 'get-env', false],
  ])('includes %s: %s', async (_, labels, tool, shown) => {
    const policy = await compilePolicy(versionOf([...rules, rule({ id: 'env', effect: 'refuse', tools: ['*/get-env'] })]), wasm);
    expect(policy.visible(callOf().principal, { server: 'files', tool, labels })).toBe(shown);
    expect(policy.visible(callOf().principal, { server: 'files', tool, labels })).toBe(shown);
  });

  it.each([
    ['of which something is allowed', 'file:///{path}', true],
    ['of which only a part is refused', 'file:///pub/{path}', true],
    ['of which everything is refused', 'file:///pub/private/{path}', false],
    ['of which nothing is allowed', 'demo://{id}', false],
  ])('includes a template %s: %s', async (_, template, shown) => {
    const reading: Pick<Rule, 'methods'> = { methods: ['resources/read'] };
    const policy = await compilePolicy(
      versionOf([
        rule({ id: 'public', effect: 'allow', tools: ['files/file:///pub/*'], ...reading }),
        rule({ id: 'private', effect: 'refuse', tools: ['files/file:///pub/private/*'], ...reading }),
      ]),
      wasm,
    );
    const target = { server: 'files', tool: template, labels: [], template: true };
    expect(policy.visible(callOf().principal, target, 'resources/read')).toBe(shown);
    expect(policy.visible(callOf().principal, target, 'tools/call')).toBe(false);
  });

  it('depends on who asks', async () => {
    const policy = await compilePolicy(versionOf([rule({ id: 'finance-only', effect: 'allow', who: { groups: ['finance'] } })]), wasm);
    const tool = { server: 'ledger', tool: 'post', labels: [] };
    expect(policy.visible(callOf().principal, tool)).toBe(false);
    expect(policy.visible({ ...callOf().principal, groups: ['finance'] }, tool)).toBe(true);
  });
});

describe("a module of somebody else's", () => {
  const policyOf = (onError?: (error: Error) => void) => compilePolicy(versionOf([]), echoWasm, { onError });
  const answer = (value: unknown) => callOf({ arguments: { '/answer': value } });

  it('decides, when its answer is a decision', async () => {
    const policy = await policyOf();
    expect(policy.decide(answer({ effect: 'allow', rules: [{ id: 'x', effect: 'allow', reason: 'y' }], obligations: {} }))).toMatchObject({
      effect: 'allow',
      rules: [{ id: 'x' }],
    });
  });

  it.each([['allow'], [{ effect: 'allow' }], [{ effect: 'allow', rules: [], obligations: {} }], [null]])('refuses by policy-error when it answers %j', async (value) => {
    const errors: Error[] = [];
    expect((await policyOf((error) => errors.push(error))).decide(answer(value))).toMatchObject({ effect: 'refuse', rules: [{ id: 'policy-error' }] });
    expect(errors).toHaveLength(1);
  });

  it('refuses by policy-error when it has no answer', async () => {
    expect((await policyOf()).decide(callOf())).toMatchObject({ effect: 'refuse', rules: [{ id: 'policy-error' }] });
  });

  it('hides no tool when it does not say which are visible', async () => {
    expect((await policyOf()).visible(callOf().principal, { server: 'a', tool: 'b', labels: [] })).toBe(true);
  });
});
