import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Rule } from '@customhouse/policy-contract/rules';
import { matches, takeApart } from './pattern.js';

/** Whether any rule could allow this method at any target of this server, whoever calls. What none could is not worth offering to the server. */
export function couldAllow(rules: readonly Rule[], method: GovernedMethod, server: string): boolean {
  return rules.some(
    (rule) =>
      rule.effect === 'allow' &&
      (rule.methods ?? ['tools/call']).some((one) => one === method) &&
      rule.tools.some((pattern) => matches(takeApart(pattern.slice(0, pattern.indexOf('/'))), server)),
  );
}
