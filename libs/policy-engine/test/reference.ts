import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { ArgumentCondition, Rule } from '@customhouse/policy-contract/rules';

/**
 * What rules mean, written again without an index, without Rego and without care for speed, from the words in contracts/policy.
 * The engine must agree with it on everything.
 */
export function decidedBy(rules: readonly Rule[], input: PolicyInput): { effect: string; fired: string[]; approve: { quorum: number; expires_s: number } | undefined } {
  const fired = rules.filter(
    (rule) => isAbout(rule, input) && isNow(rule, input) && (rule.when ?? []).every((condition) => met(condition, rule.effect, input)) && someOf(rule.findings, input.findings),
  );
  const effect = (['refuse', 'hold', 'allow'] as const).find((candidate) => fired.some((rule) => rule.effect === candidate)) ?? 'refuse';
  const approvals = fired.filter((rule) => rule.effect === 'hold').map((rule) => rule.approve ?? { quorum: 1, expires_s: 3600 });
  return {
    effect,
    fired: fired.length === 0 ? ['default-deny'] : fired.map((rule) => rule.id).sort(),
    approve:
      effect === 'hold' ? { quorum: Math.max(...approvals.map((approve) => approve.quorum)), expires_s: Math.min(...approvals.map((approve) => approve.expires_s)) } : undefined,
  };
}

export function isAbout(rule: Rule, input: Pick<PolicyInput, 'principal' | 'method' | 'server' | 'tool' | 'labels' | 'annotations'>): boolean {
  const method = input.method === 'resources/unsubscribe' ? 'resources/subscribe' : input.method;
  const { agents, people, groups, owners, attributes, delegated } = rule.who ?? {};
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
    (!owners || owners.some((pattern) => input.principal.owner !== null && like(pattern, input.principal.owner))) &&
    (!attributes || holdsOf(attributes, input.principal.attributes)) &&
    (delegated === undefined || delegated === input.principal.delegation.length > 0) &&
    Object.entries(rule.annotations ?? {}).every(([name, said]) => input.annotations?.[name as keyof typeof input.annotations] === said) &&
    someOf(rule.labels, input.labels) &&
    !(rule.without_labels ?? []).some((label) => input.labels.includes(label))
  );
}

/** What may be another with the next call of the same tool by the same caller. */
function isNow({ who, session_labels, effect }: Rule, { client, network: { address }, session_state }: PolicyInput): boolean {
  return (
    (!who?.clients || who.clients.some((pattern) => client !== null && like(pattern, client.name))) &&
    (!who?.networks || (address === '' ? effect !== 'allow' : who.networks.some((subnet) => isIn(subnet, address)))) &&
    someOf(session_labels, session_state.labels)
  );
}

/** For the subnets and addresses of test/arbitrary.ts, which have no bits to cut. */
function isIn(subnet: string, address: string): boolean {
  const [network = ''] = subnet.split('/');
  if (subnet === '0.0.0.0/0') return !address.includes(':');
  return address.startsWith(network.replace(/(?:\.0)*$/, '.').replace('::.', ':'));
}

function holdsOf(attributes: NonNullable<NonNullable<Rule['who']>['attributes']>, known: PolicyInput['principal']['attributes']): boolean {
  return Object.entries(attributes).every(([name, wanted]) => {
    if (!Object.hasOwn(known, name)) return false;
    const values: unknown[] = Array.isArray(known[name]) ? known[name] : [known[name]];
    return values.some((value) => wanted.some((want) => (typeof want === 'string' ? typeof value === 'string' && like(want, value) : value === want)));
  });
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
