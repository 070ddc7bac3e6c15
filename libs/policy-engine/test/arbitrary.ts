import fc from 'fast-check';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { ArgumentCondition, Rule } from '@customhouse/policy-contract/rules';
import { annotationsOf } from '../src/annotations.js';
import { callOf } from './parts.js';

// Small worlds, so that rules and calls meet often.
const methods = ['tools/call', 'prompts/get', 'resources/subscribe', 'resources/unsubscribe', 'sampling/createMessage'] as const;
const servers = ['files', 'mail', 'fi'];
const tools = ['read_file', 'write_file', 'read', 'send/now'];
const labels = ['read-only', 'destructive', 'idempotent'];
const findings = ['credential', 'hidden-characters'];
const agents = ['claude', 'cursor', 'ci-1', 'ci-2'];
const people = ['ann@example.com', 'bob@example.com', ''];
const groups = ['staff', 'engineering', 'eng', '__proto__'];
const attributeNames = ['department', 'level', 'constructor'];
const attributeTexts = ['finance', 'fin', ''];
const clients = ['claude-code', 'cursor'];
const subnets = ['10.0.0.0/8', '10.1.0.0/16', '2001:db8::/32', '0.0.0.0/0'] as const;
const addresses = ['10.1.2.3', '10.2.2.3', '2001:db8::7', '192.0.2.1', ''];
const sessionLabels = ['reads-sensitive', 'returns-untrusted'] as const;
const pointers = ['/path', '/count', '/deep/0/x'];
const texts = ['/etc/passwd', '/etc', '', 'ünïcödé 👍', 'line\nbreak', '5', 'true', 'a\u0000b'];
const numbers = [0, -1, 5, 5.5, 1e21, -1e-9];

/** By characters, not by halves of them. */
const part = (text: string, from: number, to?: number) => [...text].slice(from, to).join('');

const patternOf = (names: readonly string[]) =>
  fc.oneof(
    fc.constantFrom(...names.filter((name) => name !== ''), '*'),
    fc.tuple(fc.constantFrom(...names), fc.nat(6), fc.nat(6)).map(([name, from, to]) => `${part(name, 0, from)}*${part(name, Math.max(from, [...name].length - to))}`),
    fc.tuple(fc.constantFrom(...names), fc.nat(6)).map(([name, at]) => `*${part(name, at, at + 2)}*`),
  );

const some = <T>(item: fc.Arbitrary<T>) => fc.option(fc.array(item, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 2 });
/** Conditions that would leave few rules to fire if every rule had them. */
const seldom = <T>(item: fc.Arbitrary<T>) => fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: item });
const scalar = fc.constantFrom<string | number | boolean>(...texts, ...numbers, true, false);

const condition: fc.Arbitrary<ArgumentCondition> = fc
  .constantFrom(...pointers)
  .chain((argument) =>
    fc.oneof(
      fc.record({ argument: fc.constant(argument), is: fc.constant('equal' as const), value: fc.oneof(scalar, fc.constant(null)) }),
      fc.record({ argument: fc.constant(argument), is: fc.constant('one-of' as const), value: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
      fc.record({ argument: fc.constant(argument), is: fc.constantFrom('like' as const, 'not-like' as const), value: patternOf(texts) }),
      fc.record({ argument: fc.constant(argument), is: fc.constantFrom('greater' as const, 'less' as const), value: fc.constantFrom(...numbers) }),
      fc.record({ argument: fc.constant(argument), is: fc.constantFrom('present' as const, 'absent' as const) }),
    ),
  );

const body = fc.record({
  effect: fc.constantFrom('allow' as const, 'refuse' as const, 'hold' as const),
  who: fc.option(
    fc.record({
      agents: some(patternOf(agents)),
      people: some(patternOf(people)),
      groups: some(patternOf(groups)),
      owners: seldom(fc.array(patternOf(people), { minLength: 1, maxLength: 2 })),
      attributes: seldom(
        fc.dictionary(fc.constantFrom(...attributeNames), fc.array(fc.oneof(patternOf(attributeTexts), fc.constantFrom(2, true)), { minLength: 1, maxLength: 2 }), {
          minKeys: 1,
          noNullPrototype: true,
        }),
      ),
      clients: seldom(fc.array(patternOf(clients), { minLength: 1, maxLength: 2 })),
      networks: seldom(fc.subarray([...subnets], { minLength: 1 })),
      delegated: seldom(fc.boolean()),
    }),
    { nil: undefined },
  ),
  tools: fc.array(
    fc.tuple(patternOf(servers), patternOf(tools)).map(([server, tool]) => `${server}/${tool}`),
    { minLength: 1, maxLength: 3 },
  ),
  methods: some(fc.constantFrom(...methods.filter((method) => method !== 'resources/unsubscribe'))),
  annotations: seldom(fc.dictionary(fc.constantFrom('read_only', 'open_world'), fc.boolean(), { minKeys: 1, noNullPrototype: true })),
  session_labels: seldom(fc.subarray([...sessionLabels], { minLength: 1 })),
  labels: some(fc.constantFrom(...labels)),
  without_labels: some(fc.constantFrom(...labels)),
  when: some(condition),
  findings: some(fc.constantFrom(...findings)),
  approve: fc.option(fc.record({ quorum: fc.integer({ min: 1, max: 20 }), expires_s: fc.integer({ min: 1, max: 604_800 }) }), { nil: undefined }),
});

/** Valid rules with distinct ids. */
export const someRules: fc.Arbitrary<Rule[]> = fc
  .array(body, { maxLength: 8 })
  .map((bodies) => bodies.map((parts, number) => ({ id: `rule-${number}`, reason: `Reason ${number}.`, ...parts, approve: parts.effect === 'hold' ? parts.approve : undefined })));

export const someCall: fc.Arbitrary<PolicyInput> = fc
  .record({
    agent: fc.constantFrom(...agents, '__proto__'),
    person: fc.constantFrom(...people),
    groups: fc.subarray(groups),
    // Mostly tools, since most rules are about them.
    method: fc.oneof({ weight: 2, arbitrary: fc.constant('tools/call' as const) }, { weight: 1, arbitrary: fc.constantFrom(...methods) }),
    server: fc.constantFrom(...servers),
    tool: fc.constantFrom(...tools),
    owner: fc.constantFrom(...people, null),
    attributes: fc.dictionary(fc.constantFrom(...attributeNames), fc.oneof(fc.constantFrom(...attributeTexts, 2, true, false), fc.subarray(attributeTexts)), {
      noNullPrototype: true,
    }),
    delegated: fc.boolean(),
    client: fc.constantFrom(null, ...clients.map((name) => ({ name, version: '1' }))),
    address: fc.constantFrom(...addresses),
    annotations: fc.constantFrom(null, annotationsOf({ readOnlyHint: true }), annotationsOf({ openWorldHint: false })),
    seen: fc.subarray([...sessionLabels]),
    labels: fc.subarray(labels),
    findings: fc.subarray(findings),
    arguments: fc.dictionary(fc.constantFrom(...pointers), fc.oneof(scalar, fc.constantFrom(null, [], {}), fc.string({ unit: 'grapheme', maxLength: 20 })), {
      noNullPrototype: true,
    }),
  })
  .map(({ agent, person, groups: memberOf, owner, attributes, delegated, address, seen, ...rest }) =>
    callOf({
      ...rest,
      principal: { ...callOf().principal, agent, person, groups: memberOf, owner, attributes, delegation: delegated ? [{ actor: 'robot' }] : [] },
      network: { address, forwarded: [] },
      session_state: { labels: seen, counters: { calls: 0, refused: 0, held: 0 } },
    }),
  );
