// What failed once is tried once more, alone: a test that waits for real engines can lose a race against a loaded machine. Only a few are
// tried, since a change that broke something fails in many places, and nothing is hidden: both attempts are printed, and the closing
// lines name every test that needed two.
import { relative } from 'node:path';
import { root } from './install.mjs';

/** Failed files beyond which nothing is tried again. */
export const filesTriedAgain = 4;

/**
 * @param outcome what Jest wrote with --json
 * @returns a line for each failed test, `file: name`; for a file that could not be loaded, the file
 */
export function failures(outcome) {
  if (!outcome) return ['the test runner, which left no results'];
  return outcome.testResults
    .filter((suite) => suite.status === 'failed')
    .flatMap((suite) => {
      const file = relative(root, suite.name);
      const tests = suite.assertionResults.filter((test) => test.status === 'failed');
      return tests.length === 0 ? [file] : tests.map((test) => `${file}: ${test.fullName}`);
    });
}

/**
 * @param outcome what Jest wrote with --json
 * @param phase the options of the first attempt
 * @returns the options that run the failed files again, of scenarios (minutes long, each by itself) only the failed ones; undefined when
 * nothing failed, or too much
 */
export function again(outcome, phase) {
  const failed = outcome.testResults.filter((suite) => suite.status === 'failed');
  if (failed.length === 0 || failed.length > filesTriedAgain) return undefined;
  const workers = phase.indexOf('--maxWorkers');
  // In one process, what a test left open would keep the run from ending.
  const kept = [...phase.slice(0, workers), ...phase.slice(workers + 2)].filter((option) => option !== '--forceExit');
  const options = [...kept, '--runInBand', '--forceExit', '--runTestsByPath', ...failed.map((suite) => suite.name)];
  const tests = failed.flatMap((suite) => suite.assertionResults.filter((test) => test.status === 'failed').map((test) => test.fullName));
  const scenarios = failed.every((suite) => /\.(e2e|compose)\.spec\.ts$/.test(suite.name));
  const named = failed.every((suite) => suite.assertionResults.some((test) => test.status === 'failed'));
  if (!scenarios || !named) return options;
  return [...options, '--testNamePattern', `^(${tests.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})$`];
}
