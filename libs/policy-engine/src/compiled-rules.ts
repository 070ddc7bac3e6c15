import type { Effect, FiredRule } from '@customhouse/policy-contract/decision';
import type { ArgumentCondition, Rule, RuleSet } from '@customhouse/policy-contract/rules';
import { takeApart, type PatternParts } from './pattern.js';

/** A rule in the form that policies/rego/decision.rego reads: every field of it that is given becomes one thing to check. */
export interface CompiledRule {
  readonly effect: Effect;
  /** What a decision by this rule says of it. */
  readonly said: FiredRule;
  /** Present exactly when the effect is `hold`. */
  readonly approve?: { readonly quorum: number; readonly expires_s: number };
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
  | { readonly labels: Words }
  | { readonly without_labels: Words };
type Test = { readonly findings: Words } | ArgumentTest;
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
  const compiled = { effect, said: { id, effect, reason }, traits: traitsOf(rule), tests: testsOf(rule) };
  return effect === 'hold' ? { ...compiled, approve: rule.approve ?? oneWithinAnHour } : compiled;
}

function traitsOf(rule: Rule): Trait[] {
  const traits: Trait[] = [];
  if (rule.labels) traits.push({ labels: words(rule.labels) });
  if (rule.without_labels) traits.push({ without_labels: words(rule.without_labels) });
  if (rule.who?.agents) traits.push({ agents: rule.who.agents.map(takeApart) });
  if (rule.who?.people) traits.push({ people: rule.who.people.map(takeApart) });
  if (rule.who?.groups) traits.push({ groups: rule.who.groups.map(takeApart) });
  return traits;
}

function testsOf(rule: Rule): Test[] {
  const tests: Test[] = (rule.when ?? []).map(compileCondition);
  if (rule.findings) tests.push({ findings: words(rule.findings) });
  return tests;
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
