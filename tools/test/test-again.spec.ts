import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { root } from '../install.mjs';
import { again, failures, filesTriedAgain, type TestOutcome } from '../test-again.mjs';

const suite = (file: string, tests: Record<string, string>): TestOutcome['testResults'][number] => ({
  name: join(root, file),
  status: Object.values(tests).includes('failed') || Object.keys(tests).length === 0 ? 'failed' : 'passed',
  assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status })),
});
const outcome = (...testResults: TestOutcome['testResults']): TestOutcome => ({ testResults });
const phase = ['--selectProjects', 'unit', 'integration', '--maxWorkers', '2'];

describe('what failed', () => {
  it('is named by its file and its name, a file that did not load by its file, and a runner that left nothing as such', () => {
    const failed = outcome(suite('libs/a.spec.ts', { 'a is one': 'failed', 'a is two': 'passed' }), suite('libs/b.spec.ts', {}), suite('libs/c.spec.ts', { c: 'passed' }));
    expect(failures(failed)).toEqual(['libs/a.spec.ts: a is one', 'libs/b.spec.ts']);
    expect(failures(undefined)).toEqual(['the test runner, which left no results']);
  });

  it('is tried again with its whole file, one file at a time, and what passed is not', () => {
    const failed = outcome(suite('libs/a.int.spec.ts', { a: 'failed' }), suite('libs/c.spec.ts', { c: 'passed' }));
    expect(again(failed, phase)).toEqual(['--selectProjects', 'unit', 'integration', '--runInBand', '--forceExit', '--runTestsByPath', join(root, 'libs/a.int.spec.ts')]);
    expect(again(outcome(suite('libs/c.spec.ts', { c: 'passed' })), phase)).toBeUndefined();
  });

  it('is tried again by name where a file holds scenarios, and with the file where none has a name', () => {
    const scenarios = ['--selectProjects', 'e2e', '--maxWorkers', '1', '--forceExit'];
    const failed = outcome(suite('e2e/kafka.e2e.spec.ts', { 'on Kafka (a call) is recorded': 'failed', other: 'passed' }));
    expect(again(failed, scenarios)?.slice(-2)).toEqual(['--testNamePattern', '^(on Kafka \\(a call\\) is recorded)$']);
    expect(again(outcome(suite('e2e/kafka.e2e.spec.ts', {})), scenarios)).toEqual([
      '--selectProjects',
      'e2e',
      '--runInBand',
      '--forceExit',
      '--runTestsByPath',
      join(root, 'e2e/kafka.e2e.spec.ts'),
    ]);
  });

  it('is not tried again when it is much', () => {
    const many = Array.from({ length: filesTriedAgain + 1 }, (_, index) => suite(`libs/${index}.spec.ts`, { broken: 'failed' }));
    expect(again(outcome(...many), phase)).toBeUndefined();
    expect(again(outcome(...many.slice(1)), phase)).toBeDefined();
  });
});
