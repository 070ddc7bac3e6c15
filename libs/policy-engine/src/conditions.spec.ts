import { describe, expect, it } from '@jest/globals';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import { Rule } from '@customhouse/policy-contract/rules';
import { callOf, rule, versionOf, wasm } from '../test/parts.js';
import { compilePolicy } from './policy.js';

const allow = (parts: Partial<Rule>): Rule => Rule.parse(rule({ id: 'subject', effect: 'allow', ...parts }));
const refuse = (parts: Partial<Rule>): Rule => Rule.parse(rule({ id: 'subject', effect: 'refuse', ...parts }));
const policyOf = (...rules: Rule[]) => compilePolicy(versionOf(rules), wasm);
const principal = (facts: Partial<PolicyInput['principal']>): Partial<PolicyInput> => ({ principal: { ...callOf().principal, ...facts } });
const to = (...hosts: (string | null)[]): Partial<PolicyInput> => ({ destinations: hosts.map((host) => ({ kind: 'url', host, argument: '/url' })) });

describe('a condition of a rule', () => {
  it.each<[string, Partial<Rule>, Partial<PolicyInput>, boolean]>([
    ['networks', { who: { networks: ['10.0.0.0/8'] } }, { network: { address: '10.1.1.1', forwarded: [] } }, true],
    ['networks', { who: { networks: ['10.0.0.0/8'] } }, { network: { address: '11.1.1.1', forwarded: [] } }, false],
    ['networks', { who: { networks: ['10.0.0.0/8'] } }, { network: { address: '11.1.1.1', forwarded: ['10.1.1.1'] } }, false],
    ['clients', { who: { clients: ['claude-*'] } }, {}, true],
    ['clients', { who: { clients: ['cursor'] } }, {}, false],
    ['clients', { who: { clients: ['*'] } }, { client: null }, false],
    ['owners', { who: { owners: ['ann@*'] } }, {}, true],
    ['owners', { who: { owners: ['*'] } }, principal({ owner: null }), false],
    ['attributes', { who: { attributes: { department: ['fin*'] } } }, principal({ attributes: { department: 'finance' } }), true],
    ['attributes', { who: { attributes: { department: ['fin*'], level: [2] } } }, principal({ attributes: { department: 'finance' } }), false],
    ['attributes', { who: { attributes: { level: [2] } } }, principal({ attributes: { level: '2' } }), false],
    ['attributes', { who: { attributes: { external: [false] } } }, principal({ attributes: { external: [true, false].map(String) } }), false],
    ['attributes', { who: { attributes: { regions: ['eu'] } } }, principal({ attributes: { regions: ['us', 'eu'] } }), true],
    ['attributes', { who: { attributes: { __proto__x: ['*'] } } }, {}, false],
    ['delegated', { who: { delegated: true } }, principal({ delegation: [{ actor: 'robot' }] }), true],
    ['delegated', { who: { delegated: true } }, {}, false],
    ['delegated', { who: { delegated: false } }, {}, true],
    ['annotations', { annotations: { read_only: true } }, {}, true],
    ['annotations', { annotations: { read_only: true, open_world: true } }, {}, false],
    ['annotations', { annotations: { read_only: true } }, { annotations: null }, false],
    ['hours', { hours: { time_zone: 'UTC', from: '08:00', to: '18:00' } }, { time: Date.parse('2026-01-05T12:00:00Z') }, true],
    ['hours', { hours: { time_zone: 'UTC', from: '08:00', to: '18:00' } }, { time: Date.parse('2026-01-05T18:00:00Z') }, false],
    ['session_labels', { session_labels: ['reads-sensitive'] }, { session_state: { labels: ['reads-sensitive'], counters: { calls: 1, refused: 0, held: 0 } } }, true],
    ['session_labels', { session_labels: ['reads-sensitive'] }, {}, false],
    ['destinations', { destinations: { allow: ['*.example.com'] } }, to('a.example.com', 'b.example.com'), true],
    ['destinations', { destinations: { allow: ['*.example.com'] } }, to('a.example.com', 'evil.net'), false],
    ['destinations', { destinations: { allow: ['*.example.com'] } }, to(null), false],
    ['destinations', { destinations: { allow: ['*.example.com'] } }, {}, true],
  ])('%s %j', async (_, parts, changes, fires) => {
    expect((await policyOf(allow(parts))).decide(callOf(changes)).effect).toBe(fires ? 'allow' : 'refuse');
  });

  it.each([
    ['meets none of the list', to('evil.net'), 'refuse'],
    ['is one of several', to('a.example.com', 'evil.net'), 'refuse'],
    ['cannot be read', to(null), 'refuse'],
    ['is in the list', to('a.example.com'), 'allow'],
    ['is not there', {}, 'allow'],
  ])('that refuses other destinations fires when one %s', async (_, changes, effect) => {
    const policy = await policyOf(refuse({ id: 'egress', destinations: { other_than: ['*.example.com'] } }), allow({}));
    expect(policy.decide(callOf(changes)).effect).toBe(effect);
  });

  it('holds for each call anew, whatever was decided before', async () => {
    const policy = await policyOf(refuse({ id: 'night', hours: { time_zone: 'UTC', from: '18:00', to: '08:00' } }), allow({}));
    const at = (clock: string) => policy.decide(callOf({ time: Date.parse(`2026-01-05T${clock}:00Z`) })).effect;
    expect([at('12:00'), at('19:00'), at('12:00'), at('03:00')]).toEqual(['allow', 'refuse', 'allow', 'refuse']);
  });

  it('does not keep a tool out of lists where it may be met another time', async () => {
    const policy = await policyOf(refuse({ id: 'night', hours: { time_zone: 'UTC', from: '18:00', to: '08:00' } }), allow({ who: { networks: ['10.0.0.0/8'] } }));
    expect(policy.visible(callOf().principal, { server: 'files', tool: 'read_file', labels: [] })).toBe(true);
  });
});

it('a rule whose only attribute is __proto__ is refused, because it would be about everybody', () => {
  const attributes: unknown = JSON.parse('{"__proto__": ["x"]}');
  expect(Rule.safeParse({ ...rule({ id: 'x', effect: 'allow' }), who: { attributes } }).success).toBe(false);
});

describe('a limit', () => {
  const limited = allow({ id: 'ten', limit: { calls: 10, window_s: 60, per: 'agent' }, redact: ['iban'] });

  it.each([
    ['is left', { ten: 9 }, 'allow'],
    ['is used up', { ten: 10 }, 'refuse'],
    ['is passed', { ten: 11 }, 'refuse'],
    ['was not counted', {}, 'refuse'],
  ])('decides %s', async (_, used: Record<string, number>, effect) => {
    const decision = (await policyOf(limited)).decide(callOf({ used }));
    expect(decision.effect).toBe(effect);
    expect(decision.rules[0]!.id).toBe('ten');
  });

  it('refuses by the id of its rule, in words that say what is used up, also where another rule allows', async () => {
    const decision = (await policyOf(limited, allow({ id: 'other' }))).decide(callOf({ used: { ten: 10 } }));
    expect(decision.rules).toEqual([
      { id: 'ten', effect: 'refuse', reason: 'The limit is used up: 10 calls in 60 s for this agent. Try again later.' },
      { id: 'other', effect: 'allow', reason: 'Because of other.' },
    ]);
    expect(decision.obligations).toEqual({});
  });
});

describe('what a policy needs to know of a call', () => {
  it('is what rules about its tool look at, and nothing else', async () => {
    const limit = { calls: 1, window_s: 60, per: 'person' as const };
    const policy = await policyOf(
      allow({ id: 'a', tools: ['files/*'], destinations: { allow: ['x.example'] } }),
      allow({ id: 'b', tools: ['mail/*'], session_labels: ['reads-sensitive'], limit }),
    );
    expect(policy.needs('files', 'read_file')).toEqual({ destinations: true, session_state: false, limits: [] });
    expect(policy.needs('mail', 'send')).toEqual({ destinations: false, session_state: true, limits: [{ rule: 'b', limit }] });
    expect(policy.needs('other', 'x')).toEqual({ destinations: false, session_state: false, limits: [] });
  });

  it('is of a session nothing, where the labels of a tool keep from it every rule that looks', async () => {
    const policy = await policyOf(allow({ id: 'a' }), allow({ id: 'b', labels: ['communicates-externally'], session_labels: ['reads-sensitive'] }));
    expect(policy.needs('mail', 'send').session_state).toBe(true);
    expect(policy.needs('mail', 'send', 'tools/call', ['communicates-externally']).session_state).toBe(true);
    expect(policy.needs('mail', 'send', 'tools/call', ['read-only']).session_state).toBe(false);
  });
});

describe('obligations', () => {
  it('of all rules that fired come together, the strictest of each, in canonical order and frozen', async () => {
    const policy = await policyOf(
      Rule.parse(rule({ id: 'held', effect: 'hold', approve: { quorum: 2, expires_s: 600, approvers: { groups: ['finance'] }, fresh_login: true }, max_result_bytes: 500 })),
      allow({ id: 'allowed', redact: ['iban', '/rows/0'], max_result_bytes: 1000, cache_s: 60 }),
    );
    const { obligations } = policy.decide(callOf());
    expect(obligations).toEqual({
      approve: { quorum: 2, expires_s: 600, approvers: [{ groups: ['finance'] }], fresh_login: true },
      redact: ['/rows/0', 'iban'],
      max_result_bytes: 500,
      cache_s: 60,
    });
    expect(Object.keys(obligations)).toEqual(['approve', 'cache_s', 'max_result_bytes', 'redact']);
    expect(Object.isFrozen(obligations.approve!.approvers)).toBe(true);
  });

  it('leave it to whoever asked to confirm only where each rule that holds the call does', async () => {
    const confirmed = Rule.parse(rule({ id: 'confirmed', effect: 'hold', approve: { quorum: 1, expires_s: 3600, requester_confirms: true } }));
    const held = (...rules: Rule[]) => policyOf(...rules).then((policy) => policy.decide(callOf()).obligations.approve);
    expect(await held(confirmed)).toEqual({ quorum: 1, expires_s: 3600, requester_confirms: true });
    expect(await held(confirmed, Rule.parse(rule({ id: 'four-eyes', effect: 'hold' })))).toEqual({ quorum: 1, expires_s: 3600 });
  });
});
