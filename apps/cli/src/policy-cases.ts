import { parse } from 'yaml';
import { PolicyCases } from '@customhouse/policy-contract/cases';
import type { PolicyDryRun } from '@customhouse/http-contract/policy';
import { CliProblem } from './problem.js';

type Case = PolicyCases['cases'][number];

/** Reads a file of cases. Throws CliProblem that names every fault. */
export function readCases(text: string, file: string): PolicyCases {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new CliProblem('usage', `${file} is not YAML: ${(error as Error).message}`);
  }
  const parsed = PolicyCases.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new CliProblem('usage', `${file} does not hold cases`, {
    details: parsed.error.issues.slice(0, 20).map((issue) => `${issue.path.join('.') || 'the document'}: ${issue.message}`),
  });
}

/** What came out otherwise than a case says, in words. Empty: it passes. */
export function differences({ decision, audit }: Case, answer: PolicyDryRun): string[] {
  const fired = answer.decision.rules.map((rule) => rule.id);
  const found: string[] = [];
  if (answer.decision.effect !== decision.effect) found.push(`the effect is ${answer.decision.effect}, not ${decision.effect}`);
  if (fired.join() !== decision.rules.join()) found.push(`the rules are ${fired.join(', ')}, not ${decision.rules.join(', ')}`);
  const asked = answer.decision.obligations.approve;
  if (decision.approve && (asked?.quorum !== decision.approve.quorum || asked?.expires_s !== decision.approve.expires_s)) {
    found.push(`it asks for ${asked ? `${asked.quorum} within ${asked.expires_s} s` : 'nobody'}, not for ${decision.approve.quorum} within ${decision.approve.expires_s} s`);
  }
  if (audit && answer.event !== audit.event) found.push(`the event is ${answer.event}, not ${audit.event}`);
  if (audit && answer.reason !== audit.reason) found.push(`the reason is ${JSON.stringify(answer.reason)}, not ${JSON.stringify(audit.reason)}`);
  return found;
}
