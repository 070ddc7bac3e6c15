import type { Rule } from '@customhouse/policy-contract/rules';
import { matches, takeApart, type PatternParts } from './pattern.js';

const expression = /\{[^{}]*\}/g;
/** Stands for what an expression becomes. A private-use character, so that no pattern has it but by a star. */
const anything = '\u{F8FF}';

/**
 * Whether a rule says something about what a template of URIs stands for: about all of it when the rule refuses, because it must not
 * hide what it does not refuse; about some of it when it does not, because what it allows can be asked for.
 */
export function isAboutTemplate(rule: Rule, server: string, template: string): boolean {
  const all = template.replaceAll(expression, anything);
  const some = takeApart(template.replaceAll(expression, '*'));
  return rule.tools.some((pattern) => {
    const slash = pattern.indexOf('/');
    if (!matches(takeApart(pattern.slice(0, slash)), server)) return false;
    const target = takeApart(pattern.slice(slash + 1));
    return rule.effect === 'refuse' ? matches(target, all) : mayMeet(target, some);
  });
}

/** Whether some text could match both. May say yes where there is none, never no where there is one. */
function mayMeet(one: PatternParts, other: PatternParts): boolean {
  if ('exact' in one) return matches(other, one.exact);
  if ('exact' in other) return matches(one, other.exact);
  return (one.first.startsWith(other.first) || other.first.startsWith(one.first)) && (one.last.endsWith(other.last) || other.last.endsWith(one.last));
}
