import type { Effect, FiredRule } from '@customhouse/policy-contract/decision';
import type { Approve } from '@customhouse/policy-contract/approve';
import type { ArgumentCondition, Limit, Rule, RuleSet } from '@customhouse/policy-contract/rules';
import { circumstancesOf } from './circumstances.js';
import { takeApart, type PatternParts } from './pattern.js';

/** A rule in the form that policies/rego/decision.rego reads: every field of it that is given becomes one thing to check. */
export interface CompiledRule {
  readonly effect: Effect;
  /** What a decision by this rule says of it. */
  readonly said: FiredRule;
  /** Present exactly when the effect is `hold`. */
  readonly approve?: Approve;
  /** What a decision says of it when its limit is used up. Present exactly when it has one. */
  readonly over?: FiredRule;
  readonly redact?: readonly string[];
  readonly max_result_bytes?: number;
  readonly cache_s?: number;
  /** About the caller and the tool; the same for every call. All must be had. */
  readonly traits: readonly Trait[];
  /** About this one call. All must be met. */
  readonly tests: readonly Test[];
}

type Words = Readonly<Record<string, true>>;
type Trait =
  | { readonly agents: readonly PatternParts[] }
  | { readonly people: readonly PatternParts[] }
  | { readonly groups: readonly PatternParts[] }
  | { readonly owners: readonly PatternParts[] }
  | { readonly attributes: Readonly<Record<string, readonly ({ readonly pattern: PatternParts } | { readonly value: number | boolean })[]>> }
  | { readonly delegated: boolean }
  | { readonly annotations: NonNullable<Rule['annotations']> }
  | { readonly labels: Words }
  | { readonly without_labels: Words };
type Test = { readonly findings: Words } | { readonly session_labels: Words } | { readonly clients: readonly PatternParts[] } | { readonly judged: true } | ArgumentTest;
interface ArgumentTest {
  readonly is: ArgumentCondition['is'];
  readonly argument: string;
  readonly value?: unknown;
  readonly pattern?: PatternParts;
  /** Rego's names of the types that the condition can judge. Absent: every type. */
  readonly types?: readonly string[];
}

const rank: Readonly<Record<Effect, number>> = { refuse: 0, hold: 1, allow: 2 };
const oneWithinAnHour = { quorum: 1, expires_s: 3600 };

/** The one order of a rule set, whatever order it was written in: the deciding effects first, then by id. A rule's place is its number. */
export function inOrder(rules: RuleSet): readonly Rule[] {
  return [...rules.rules].sort((a, b) => rank[a.effect] - rank[b.effect] || (a.id < b.id ? -1 : 1));
}

export function compileRule(rule: Rule): CompiledRule {
  const { id, effect, reason } = rule;
  const { redact, max_result_bytes, cache_s } = rule;
  return {
    effect,
    said: { id, effect, reason },
    traits: traitsOf(rule),
    tests: testsOf(rule),
    ...(effect === 'hold' && { approve: rule.approve ?? oneWithinAnHour }),
    ...(rule.limit && { over: { id, effect: 'refuse', reason: overReason(rule.limit) } }),
    ...(redact && { redact }),
    ...(max_result_bytes !== undefined && { max_result_bytes }),
    ...(cache_s !== undefined && { cache_s }),
  };
}

const whose: Readonly<Record<Limit['per'], string>> = {
  agent: 'for this agent',
  person: 'for this person',
  session: 'in this session',
  tool: 'of this tool',
  everybody: 'of everybody together',
};

function overReason({ calls, window_s, per }: Limit): string {
  return `The limit is used up: ${calls} ${calls === 1 ? 'call' : 'calls'} in ${window_s} s ${whose[per]}. Try again later.`;
}

function traitsOf(rule: Rule): Trait[] {
  const traits: Trait[] = [];
  if (rule.labels) traits.push({ labels: words(rule.labels) });
  if (rule.without_labels) traits.push({ without_labels: words(rule.without_labels) });
  if (rule.who?.agents) traits.push({ agents: rule.who.agents.map(takeApart) });
  if (rule.who?.people) traits.push({ people: rule.who.people.map(takeApart) });
  if (rule.who?.groups) traits.push({ groups: rule.who.groups.map(takeApart) });
  if (rule.who?.owners) traits.push({ owners: rule.who.owners.map(takeApart) });
  if (rule.who?.attributes) traits.push({ attributes: Object.fromEntries(Object.entries(rule.who.attributes).map(([name, values]) => [name, values.map(compileValue)])) });
  if (rule.who?.delegated !== undefined) traits.push({ delegated: rule.who.delegated });
  if (rule.annotations) traits.push({ annotations: rule.annotations });
  return traits;
}

function testsOf(rule: Rule): Test[] {
  const tests: Test[] = (rule.when ?? []).map(compileCondition);
  if (rule.findings) tests.push({ findings: words(rule.findings) });
  if (rule.session_labels) tests.push({ session_labels: words(rule.session_labels) });
  if (rule.who?.clients) tests.push({ clients: rule.who.clients.map(takeApart) });
  // The module only has to know that the rule is not about every call.
  if (circumstancesOf(rule)) tests.push({ judged: true });
  return tests;
}

function compileValue(value: string | number | boolean): { readonly pattern: PatternParts } | { readonly value: number | boolean } {
  return typeof value === 'string' ? { pattern: takeApart(value) } : { value };
}

function compileCondition(condition: ArgumentCondition): ArgumentTest {
  const { argument, is } = condition;
  switch (condition.is) {
    case 'equal':
      // Nothing but null equals null, so null can be judged against every type.
      return condition.value === null ? { argument, is, value: null } : { argument, is, value: condition.value, types: [typeof condition.value] };
    case 'one-of':
      return { argument, is, value: condition.value, types: [...new Set(condition.value.map((value) => typeof value))] };
    case 'like':
    case 'not-like':
      return { argument, is, pattern: takeApart(condition.value), types: ['string'] };
    case 'greater':
    case 'less':
      return { argument, is, value: condition.value, types: ['number'] };
    case 'present':
    case 'absent':
      return { argument, is };
  }
}

function words(list: readonly string[]): Words {
  return Object.fromEntries(list.map((word) => [word, true as const]));
}
