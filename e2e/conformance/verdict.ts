import type { Check, Revision, ScenarioResult, Suite } from './suite.js';

export type Way = 'direct' | 'through';

export interface Score {
  /** Scenarios that the revision requires, and that passed. */
  readonly required: number;
  /** Checks that passed, in all scenarios that were run. */
  readonly checks: number;
}

/** A check that is known to fail, and why. Without `check`: any of the scenario. */
export interface ExpectedFailure {
  readonly suite: Suite;
  readonly revision: Revision;
  readonly way: Way;
  readonly scenario: string;
  readonly check?: string;
  readonly reason: string;
  /** It depends on how busy the machine is: it may pass, too. Something else has to test it then. */
  readonly depends?: true;
}

export function score(results: readonly ScenarioResult[]): Score {
  return {
    required: results.filter((result) => result.required && !result.checks.some(failed)).length,
    checks: results.flatMap((result) => result.checks).filter((check) => check.status === 'SUCCESS').length,
  };
}

/**
 * What is wrong with a pair of runs, in words; nothing when all is well. Directly every required scenario must pass. Through the gateway every check must
 * pass that passes directly. What is expected to fail may, and must, unless it depends on the machine.
 */
export function problems(direct: readonly ScenarioResult[], through: readonly ScenarioResult[], expected: readonly ExpectedFailure[]): string[] {
  const found = [
    ...failures(direct.filter((result) => result.required)).map((failure) => ({ way: 'direct' as const, ...failure })),
    ...lost(direct, through).map((failure) => ({ way: 'through' as const, ...failure })),
  ];
  const covers = (entry: ExpectedFailure, failure: (typeof found)[number]): boolean =>
    entry.way === failure.way && entry.scenario === failure.scenario && (entry.check === undefined || entry.check === failure.check);
  const surprising = found.filter((failure) => !expected.some((entry) => covers(entry, failure)));
  const stale = expected.filter((entry) => !entry.depends && !found.some((failure) => covers(entry, failure)));
  return [
    ...surprising.map((failure) => `${failure.way}: ${failure.scenario}: ${failure.check}: ${failure.message}`),
    ...stale.map((entry) => `${entry.way}: ${entry.scenario}${entry.check === undefined ? '' : `: ${entry.check}`} is expected to fail, and passes: take it off the list`),
  ];
}

interface Failure {
  readonly scenario: string;
  readonly check: string;
  readonly message: string;
}

function failures(results: readonly ScenarioResult[]): Failure[] {
  return results.flatMap(({ scenario, checks }) => checks.filter(failed).map((check) => ({ scenario, check: check.id, message: wordsOf(check) })));
}

/**
 * Checks that pass directly and not through the gateway, and failures that only the gateway brings. An id may stand for several checks: as many
 * must pass.
 */
function lost(direct: readonly ScenarioResult[], through: readonly ScenarioResult[]): Failure[] {
  return direct.flatMap(({ scenario, required, checks }) => {
    const others = through.find((result) => result.scenario === scenario)?.checks ?? [];
    const fresh = others.filter((check) => failed(check) && !checks.some((known) => known.id === check.id));
    const missing = [...new Set(checks.map((check) => check.id))]
      .filter((id) => passes(others, id) < passes(checks, id))
      .map((id) => {
        const failure = others.find((check) => check.id === id && check.status !== 'SUCCESS') ?? others.find(failed);
        return { scenario, check: id, message: failure ? wordsOf(failure) : 'was not checked' };
      });
    return [...missing, ...failures([{ scenario, required, checks: fresh }])];
  });
}

const failed = (check: Check): boolean => check.status === 'FAILURE';
const passes = (checks: readonly Check[], id: string): number => checks.filter((check) => check.id === id && check.status === 'SUCCESS').length;
/** Messages of the suite may quote whole answers. */
const wordsOf = (check: Check): string => `${check.status.toLowerCase()}${check.errorMessage === undefined ? '' : `, ${check.errorMessage.split('\n')[0]!.slice(0, 240)}`}`;
