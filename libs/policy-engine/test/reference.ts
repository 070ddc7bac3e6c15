import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { ArgumentCondition, Rule } from '@customhouse/policy-contract/rules';

/**
 * What rules mean, written again without an index, without Rego and without care for speed, from the words in contracts/policy.
 * The engine must agree with it on everything.
 */
export function decidedBy(rules: readonly Rule[], input: PolicyInput): { effect: string; fired: string[]; approve: { quorum: number; expires_s: number } | undefined } {
  const fired = rules.filter((rule) => isAbout(rule, input) && (rule.when ?? []).every((condition) => met(condition, rule.effect, input)) && someOf(rule.findings, input.findings));
  const effect = (['refuse', 'hold', 'allow'] as const).find((candidate) => fired.some((rule) => rule.effect === candidate)) ?? 'refuse';
  const approvals = fired.filter((rule) => rule.effect === 'hold').map((rule) => rule.approve ?? { quorum: 1, expires_s: 3600 });
  return {
    effect,
    fired: fired.length === 0 ? ['default-deny'] : fired.map((rule) => rule.id).sort(),
    approve:
      effect === 'hold' ? { quorum: Math.max(...approvals.map((approve) => approve.quorum)), expires_s: Math.min(...approvals.map((approve) => approve.expires_s)) } : undefined,
  };
}

export function isAbout(rule: Rule, input: Pick<PolicyInput, 'principal' | 'method' | 'server' | 'tool' | 'labels'>): boolean {
  const method = input.method === 'resources/unsubscribe' ? 'resources/subscribe' : input.method;
  const { agents, people, groups } = rule.who ?? {};
  const tool = rule.tools.some((pattern) => {
    const slash = pattern.indexOf('/');
    return like(pattern.slice(0, slash), input.server) && like(pattern.slice(slash + 1), input.tool);
  });
  return (
    tool &&
    (rule.methods ?? ['tools/call']).some((one) => one === method) &&
    (!agents || agents.some((pattern) => like(pattern, input.principal.agent))) &&
    (!people || people.some((pattern) => like(pattern, input.principal.person))) &&
    (!groups || groups.some((pattern) => input.principal.groups.some((group) => like(pattern, group)))) &&
    someOf(rule.labels, input.labels) &&
    !(rule.without_labels ?? []).some((label) => input.labels.includes(label))
  );
}

function someOf(wanted: readonly string[] | undefined, present: readonly string[]): boolean {
  return !wanted || wanted.some((word) => present.includes(word));
}

function met(condition: ArgumentCondition, effect: Rule['effect'], input: PolicyInput): boolean {
  const there = Object.hasOwn(input.arguments, condition.argument);
  if (condition.is === 'absent') return !there;
  if (!there) return false;
  const value = input.arguments[condition.argument];
  if (!judgeable(condition, value)) return effect !== 'allow';
  switch (condition.is) {
    case 'equal':
      return value === condition.value;
    case 'one-of':
      return condition.value.some((candidate) => candidate === value);
    case 'like':
      return like(condition.value, value as string);
    case 'not-like':
      return !like(condition.value, value as string);
    case 'greater':
      return (value as number) > condition.value;
    case 'less':
      return (value as number) < condition.value;
    case 'present':
      return true;
  }
}

function judgeable(condition: ArgumentCondition, value: unknown): boolean {
  switch (condition.is) {
    case 'equal':
      return condition.value === null || typeof condition.value === typeof value;
    case 'one-of':
      return condition.value.some((candidate) => typeof candidate === typeof value);
    case 'like':
    case 'not-like':
      return typeof value === 'string';
    case 'greater':
    case 'less':
      return typeof value === 'number';
    default:
      return true;
  }
}

function like(pattern: string, text: string): boolean {
  const expression = pattern.split(/\*+/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${expression.join('.*')}$`, 'su').test(text);
}
