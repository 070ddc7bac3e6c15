import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Rule } from '@customhouse/policy-contract/rules';
import { matches, takeApart } from './pattern.js';

/** Answers that were found, by the rules of one version. There are as many as servers, for a few methods. */
const known = new WeakMap<readonly Rule[], Map<string, boolean>>();

/** Whether any rule could allow this method at any target of this server, whoever calls. What none could is not worth offering to the server. */
export function couldAllow(rules: readonly Rule[], method: GovernedMethod, server: string): boolean {
  let answers = known.get(rules);
  if (answers === undefined) known.set(rules, (answers = new Map()));
  const key = `${method} ${server}`;
  const found = answers.get(key) ?? rules.some((rule) => allows(rule, method, server));
  answers.set(key, found);
  return found;
}

function allows({ effect, methods, tools }: Rule, method: GovernedMethod, server: string): boolean {
  return (
    effect === 'allow' && (methods ?? ['tools/call']).some((one) => one === method) && tools.some((pattern) => matches(takeApart(pattern.slice(0, pattern.indexOf('/'))), server))
  );
}
