import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { Rule } from '@customhouse/policy-contract/rules';
import { matches, takeApart, type PatternParts } from './pattern.js';
import { hasOwnRego } from './policy.js';

/** A rule that holds calls of tools, as far as it is about a tool and not about a call. */
interface Holding {
  readonly server: PatternParts;
  readonly tool: PatternParts;
  readonly labels: readonly string[] | undefined;
}

/** Those of a version: most name their server, and are found by it. */
interface Holdings {
  readonly byServer: ReadonlyMap<string, readonly Holding[]>;
  readonly others: readonly Holding[];
}

const known = new WeakMap<readonly Rule[], Holdings>();

/**
 * Whether a call of this tool could be held, whoever makes it and whatever is in it. Of Rego of the version's own nothing is known before it is
 * evaluated, so then every call could be.
 */
export function couldHold(version: PolicyVersion, server: string, tool: string, labels: readonly string[]): boolean {
  if (hasOwnRego(version)) return true;
  const { rules } = version.rules;
  let holdings = known.get(rules);
  if (holdings === undefined) known.set(rules, (holdings = holdingsOf(rules)));
  const { byServer, others } = holdings;
  return [...(byServer.get(server) ?? []), ...others].some(
    (rule) => matches(rule.server, server) && matches(rule.tool, tool) && (rule.labels?.some((label) => labels.includes(label)) ?? true),
  );
}

function holdingsOf(rules: readonly Rule[]): Holdings {
  const byServer = new Map<string, Holding[]>();
  const others: Holding[] = [];
  for (const { effect, methods, tools, labels } of rules) {
    if (effect !== 'hold' || methods?.includes('tools/call') === false) continue;
    for (const pattern of tools) {
      const slash = pattern.indexOf('/');
      const server = takeApart(pattern.slice(0, slash));
      const holding = { server, tool: takeApart(pattern.slice(slash + 1)), labels };
      if (!('exact' in server)) others.push(holding);
      else if (byServer.get(server.exact)?.push(holding) === undefined) byServer.set(server.exact, [holding]);
    }
  }
  return { byServer, others };
}
