import { describe, expect, it } from '@jest/globals';
import type { Check, ScenarioResult } from './suite.js';
import { type ExpectedFailure, problems, score } from './verdict.js';

const check = (id: string, status: Check['status'], errorMessage?: string): Check => ({ id, status, ...(errorMessage === undefined ? {} : { errorMessage }) });
const run = (scenario: string, checks: Check[], required = true): ScenarioResult => ({ scenario, required, checks });
const passed = run('ping', [check('ping', 'SUCCESS'), check('wire-schema-valid', 'SUCCESS')]);
const expected = (more: Partial<ExpectedFailure>): ExpectedFailure => ({ suite: 'server', revision: '2025-11-25', way: 'through', scenario: 'ping', reason: 'a reason', ...more });

describe('the score', () => {
  it('counts required scenarios without a failure, and every check that passed', () => {
    const results = [passed, run('tools', [check('tools', 'FAILURE'), check('wire-schema-valid', 'SUCCESS')]), run('tasks', [check('tasks', 'SUCCESS')], false)];
    expect(score(results)).toEqual({ required: 1, checks: 4 });
  });

  it('does not take warnings and skipped checks for failures, nor for passes', () => {
    expect(score([run('tools', [check('order', 'WARNING'), check('note', 'INFO'), check('more', 'SKIPPED')])])).toEqual({ required: 1, checks: 0 });
  });
});

describe('the verdict', () => {
  it('has nothing to say when both ways pass alike', () => {
    expect(problems([passed], [passed], [])).toEqual([]);
  });

  it('names the check that passes directly and fails through the gateway', () => {
    const through = run('ping', [check('ping', 'FAILURE', 'no answer'), check('wire-schema-valid', 'SUCCESS')]);
    expect(problems([passed], [through], [])).toEqual(['through: ping: ping: failure, no answer']);
  });

  it.each([
    ['is only a warning', [check('ping', 'WARNING', 'late'), check('wire-schema-valid', 'SUCCESS')], 'through: ping: ping: warning, late'],
    ['is not there', [check('wire-schema-valid', 'SUCCESS')], 'through: ping: ping: was not checked'],
  ])('counts a check as lost that %s', (_what, checks, problem) => {
    expect(problems([passed], [run('ping', checks)], [])).toEqual([problem]);
  });

  it('names a failure that only the gateway brings', () => {
    const through = run('ping', [...passed.checks, check('client-program', 'FAILURE', 'Error: no connection')]);
    expect(problems([passed], [through], [])).toEqual(['through: ping: client-program: failure, Error: no connection']);
  });

  it('counts a scenario as lost that was not run', () => {
    expect(problems([passed], [], [])).toEqual(['through: ping: ping: was not checked', 'through: ping: wire-schema-valid: was not checked']);
  });

  it('wants as many passes as there are directly of an id that stands for several checks', () => {
    const direct = run('headers', [check('header', 'SUCCESS'), check('header', 'SUCCESS')]);
    const through = run('headers', [check('header', 'SUCCESS'), check('header', 'FAILURE', 'missing')]);
    expect(problems([direct], [through], [])).toEqual(['through: headers: header: failure, missing']);
  });

  it('names required scenarios that fail directly, and lets others be', () => {
    const bad = [check('x', 'FAILURE', 'broken')];
    expect(problems([run('one', bad), run('two', bad, false)], [run('one', bad), run('two', bad, false)], [])).toEqual(['direct: one: x: failure, broken']);
  });

  it('accepts what is expected to fail', () => {
    const through = run('ping', [check('ping', 'FAILURE'), check('wire-schema-valid', 'SUCCESS')]);
    expect(problems([passed], [through], [expected({ check: 'ping' })])).toEqual([]);
    expect(problems([passed], [through], [expected({})])).toEqual([]);
  });

  it('does not accept another check of the scenario, nor the same one on the other way', () => {
    const through = run('ping', [check('ping', 'FAILURE', 'no answer'), check('wire-schema-valid', 'SUCCESS')]);
    expect(problems([passed], [through], [expected({ check: 'wire-schema-valid' })])).toHaveLength(2);
    expect(problems([passed], [through], [expected({ check: 'ping', way: 'direct' })])).toHaveLength(2);
  });

  it('leaves it to the machine whether a check passes that depends on it', () => {
    const through = run('ping', [check('ping', 'WARNING', 'too late'), check('wire-schema-valid', 'SUCCESS')]);
    const entry = expected({ check: 'ping', depends: true });
    expect(problems([passed], [through], [entry])).toEqual([]);
    expect(problems([passed], [passed], [entry])).toEqual([]);
  });

  it('objects to an expected failure that passes', () => {
    expect(problems([passed], [passed], [expected({ check: 'ping' })])).toEqual(['through: ping: ping is expected to fail, and passes: take it off the list']);
  });
});
