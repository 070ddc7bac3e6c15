import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PolicyDifference, PolicyTestRun, PolicyVersionDetail } from '@customhouse/http-contract/policy';
import { builtInModule, builtInVersion } from '@customhouse/policies/built-in';
import { isIntact } from '@customhouse/policies/version';
import { eventually, Installation } from './installation.js';

jest.setTimeout(300_000);

const readers = { id: 'readers', effect: 'allow', reason: 'It reads.', tools: ['*/*'], labels: ['read-only'] };
const set = (...rules: object[]) => ({ version: 1, rules });
const call = { server: 'bank', tool: 'pay', labels: ['read-only'] };
const paid = (amount: number) => ({ ...call, arguments: { amount } });

const limits = `package customhouse.custom

arguments := {"/amount"}

fired contains {"id": "large-amounts", "effect": "refuse", "reason": sprintf("At most %d are paid.", [limit])} if {
	input.arguments["/amount"] > limit
}

limit := 1000
`;
const limitsTest = `package customhouse.custom_test

import data.customhouse.custom

test_a_large_amount_is_refused if {
	some rule in custom.fired with input as {"arguments": {"/amount": 1001}}
	rule.effect == "refuse"
}

test_a_small_amount_passes if count(custom.fired) == 0 with input as {"arguments": {"/amount": 1000}}
`;
const cases = [
  { name: 'a small amount is paid', call: paid(5), decision: { effect: 'allow', rules: ['readers'] } },
  { name: 'a large amount is not', call: paid(5000), decision: { effect: 'refuse', rules: ['large-amounts', 'readers'] } },
];
const whole = { rules: set(readers), modules: { 'limits.rego': limits, 'limits_test.rego': limitsTest }, cases };

describe('versions with Rego, tests and cases', () => {
  let installation: Installation;
  const draft = async (changes: object = {}) => installation.ask('POST', '/v1/policy/versions', { ...whole, ...changes });
  const stored = async () => (await installation.ask('GET', '/v1/policy/versions?limit=500')).body.items.length as number;
  const stageOf = async (number: number) => (await installation.ask('GET', `/v1/policy/versions/${number}`)).body.stage as string;

  beforeAll(async () => {
    installation = await Installation.start({ CUSTOMHOUSE_POLICY_REGO_TIMEOUT_MS: '240000', CUSTOMHOUSE_POLICY_REGO_EVALUATION_MS: '1000' });
  }, 120_000);
  afterAll(() => installation?.stop(), 30_000);

  describe('Rego that takes too long', () => {
    const slow = (condition: string): string => `package customhouse.custom
arguments := {"/text"}
fired contains {"id": "slow", "effect": "refuse", "reason": "Slow."} if {
	${condition}
	parts := numbers.range(1, 10000)
	some a in parts
	some b in parts
	some c in parts
	a == b
	c == 0
}
`;

    it('over any call is not stored, and the service goes on meanwhile', async () => {
      let answered = false;
      const drafted = draft({ modules: { 'slow.rego': slow('input.tool') }, cases: [] }).finally(() => (answered = true));
      let asked = 0;
      while (!answered) {
        await installation.ask('GET', '/v1/policy/versions?limit=1');
        asked += 1;
      }
      const { status, body } = await drafted;
      expect(status).toBe(422);
      expect(body.problems).toEqual([expect.objectContaining({ pointer: '/modules', message: expect.stringMatching(/^line 1: an answer in time: .* took longer than 1000 ms/) })]);
      expect(asked).toBeGreaterThan(1);
    });

    it('over a call of a case fails that case', async () => {
      const one = { name: 'a slow call', call: { ...call, tool: 'slow' }, decision: { effect: 'allow', rules: ['readers'] } };
      const { status, body } = await draft({ modules: { 'slow.rego': slow('input.tool == "slow"') }, cases: [one] });
      expect(status).toBe(422);
      expect(body.problems).toEqual([expect.objectContaining({ pointer: '/body/cases/0', message: expect.stringContaining('policy-timeout') })]);
    });
  });

  describe('a draft', () => {
    it('is stored with everything that it is made of, under one digest, as tested', async () => {
      const { status, body } = await draft({ note: 'limits' });
      expect(status).toBe(201);
      expect(PolicyVersionDetail.parse(body)).toMatchObject({
        modules: whole.modules,
        cases,
        modules_count: 2,
        cases_count: 2,
        stage: 'tested',
        tested: expect.any(String),
        origin: null,
      });
      expect(body.module).not.toBe(builtInModule().digest);
      expect(isIntact(body)).toBe(true);
      const told = await eventually('the draft is told', async () => {
        const events = (await installation.told('customhouse.policy')).filter((event) => (event.data.version?.number ?? event.data.number) === body.number);
        return events.length === 2 && events;
      });
      expect(told.map(({ type, data }) => [type, data.passed, data.failed])).toEqual([
        ['policy.version.drafted', undefined, undefined],
        ['policy.version.tested', 4, 0],
      ]);
      expect(told[0]!.data).toMatchObject({ by: 'olga', origin: null, version: { digest: body.digest, modules: whole.modules, cases } });
    });

    it('of the same content has the same digest and the same module', async () => {
      const [one, other] = [(await draft()).body, (await draft()).body];
      expect([other.digest, other.module]).toEqual([one.digest, one.module]);
      expect((await draft({ cases: [] })).body.digest).not.toBe(one.digest);
    });

    it('of which only the tests are Rego decides with the module of the release', async () => {
      const { body } = await draft({ modules: { 'rules_test.rego': 'package customhouse.custom_test\n\ntest_nothing if true\n' }, cases: [] });
      expect(body).toMatchObject({ module: builtInModule().digest, stage: 'tested' });
    });

    it.each([
      ['Rego that does not parse', { modules: { 'a.rego': 'package customhouse.custom\n\nx if {' } }, '/body/modules/a.rego', 'line 3, column'],
      ['Rego that looks at the clock', { modules: { 'a.rego': 'package customhouse.custom\n\nx := time.now_ns()\n' } }, '/body/modules/a.rego', 'time.now_ns'],
      [
        'a function that the gateway does not have',
        {
          modules: { 'a.rego': 'package customhouse.custom\n\nfired contains {"id": "split", "effect": "refuse", "reason": part} if some part in regex.split("a*", input.tool)\n' },
        },
        '/body/modules',
        'regex.split',
      ],
      ['a package that is not its own', { modules: { 'a.rego': '# Everything is fine.\n\npackage customhouse\n\nvisible := true\n' } }, '/body/modules/a.rego', 'line 3, column 1'],
      ['a second package', { modules: { 'a.rego': 'package customhouse.custom\n\npackage customhouse\n' } }, '/body/modules/a.rego', 'unexpected package'],
      ['a package that only begins like its own', { modules: { 'a.rego': 'package customhouse.customary\n' } }, '/body/modules/a.rego', 'package customhouse.custom'],
      ['a test of another package', { modules: { 'a_test.rego': 'package customhouse_test\n' } }, '/body/modules/a_test.rego', 'customhouse.custom_test'],
      [
        'a test that does not compile',
        { modules: { 'a_test.rego': 'package customhouse.custom_test\n\ntest_x if y == 1\n' } },
        '/body/modules/a_test.rego',
        'rego_unsafe_var_error',
      ],
      ['a case that is none', { cases: [{ name: 'x', call: { server: 'a' }, decision: { effect: 'allow', rules: ['x'] } }] }, '/body/cases/0/call/tool', ''],
      ['two cases of one name', { cases: [cases[0], { ...cases[1], name: cases[0]!.name }] }, '/body/cases/1/name', 'used twice'],
    ])('with %s is refused with the place, and not stored', async (_, changes, pointer, message) => {
      const before = await stored();
      const { status, body } = await draft(changes);
      expect([status, body.code]).toEqual([422, 'invalid-rules']);
      expect(body.problems).toContainEqual({ pointer, message: expect.stringContaining(message) });
      expect(await stored()).toBe(before);
    });

    it.each([
      ['a file name that is no Rego', { 'limits.txt': limits }],
      ['a path', { '../limits.rego': limits }],
      ['more characters than are taken', { 'a.rego': `#${'a'.repeat(262_143)}`, 'b.rego': `#${'b'.repeat(262_143)}`, 'c.rego': limits }],
    ])('with %s is no valid request', async (_, modules) => {
      expect((await draft({ modules })).status).toBe(400);
    });

    it('whose Rego test or case fails is refused with all failures, and not stored', async () => {
      const before = await stored();
      const { status, body } = await draft({ modules: { ...whole.modules, 'limits.rego': limits.replace('1000', '9000') } });
      expect([status, body.code]).toEqual([422, 'cases-failed']);
      expect(body.problems).toEqual([
        { pointer: '/body/modules/limits_test.rego', message: expect.stringMatching(/^line 5: test_a_large_amount_is_refused: /) },
        { pointer: '/body/cases/1', message: expect.stringMatching(/^a large amount is not: the effect must be "refuse", and is "allow"/) },
      ]);
      expect(await stored()).toBe(before);
    });
  });

  describe('a version', () => {
    it('decides by its rules and its Rego together', async () => {
      const { number } = (await draft()).body;
      const decide = async (amount: number) => (await installation.ask('POST', '/v1/policy/decide', { version: number, call: paid(amount) })).body;
      expect(await decide(5)).toMatchObject({ decision: { effect: 'allow' }, arguments_needed: ['/amount'] });
      expect(await decide(1001)).toMatchObject({
        decision: { effect: 'refuse', rules: [{ id: 'large-amounts' }, { id: 'readers' }] },
        reason: 'At most 1000 are paid. (rule large-amounts)',
      });
    });

    it('is published with its module when it is activated', async () => {
      const { number, module } = (await draft()).body;
      expect((await installation.activate(number)).body).toMatchObject({ stage: 'active', active: true });
      const version = await installation.publishedVersion(number);
      expect(version).toMatchObject({ module, modules: whole.modules, cases });
      expect(isIntact(version)).toBe(true);
      expect([...(await installation.published()).keys()]).toContain(`module/${module}`);
    });

    it('that was stored untested is a draft, and cannot be activated while a test fails', async () => {
      const active = await installation.activeNumber();
      const { body } = await draft({ untested: true, cases: [{ ...cases[0], decision: { effect: 'hold', rules: ['readers'] } }] });
      expect(body).toMatchObject({ stage: 'draft', tested: null });
      const refused = await installation.activate(body.number);
      expect([refused.status, refused.body.code]).toEqual([422, 'cases-failed']);
      expect(refused.body.problems).toEqual([{ pointer: '/cases', message: expect.stringContaining('a small amount is paid: the effect must be "hold"') }]);
      expect([await installation.activeNumber(), await stageOf(body.number)]).toEqual([active, 'draft']);
    });

    it('that was stored untested becomes tested when its tests pass, and may be activated then', async () => {
      const { number } = (await draft({ untested: true })).body;
      const { status, body } = await installation.ask('POST', `/v1/policy/versions/${number}/test`, undefined);
      expect(status).toBe(200);
      expect(PolicyTestRun.parse(body)).toMatchObject({ number, passed: 4, failed: 0 });
      expect(await stageOf(number)).toBe('tested');
      expect((await installation.activate(number)).status).toBe(200);
    });

    it('is tested once more when it is activated, and is a draft again when a test fails by then', async () => {
      const { number } = (await draft()).body;
      const broken = (await draft({ untested: true, cases: [{ ...cases[1], call: paid(5) }] })).body;
      await installation.sql(
        'update versions set cases = (select cases from versions where number = $2), digest = (select digest from versions where number = $2) where number = $1',
        [number, broken.number],
      );
      expect((await installation.activate(number)).body.code).toBe('cases-failed');
      expect(await stageOf(number)).toBe('draft');
    });

    it.each(['modules', 'cases'])('of which somebody changed the %s in the database cannot be activated', async (column) => {
      const { number } = (await draft()).body;
      await installation.sql(`update versions set ${column} = replace(${column}, 'amount', 'count') where number = $1`, [number]);
      expect((await installation.activate(number)).status).toBe(500);
    });
  });

  describe('a check', () => {
    it('runs everything and stores nothing', async () => {
      const before = await stored();
      const { status, body } = await installation.ask('POST', '/v1/policy/check', { ...whole, cases: [cases[0], { ...cases[1], call: paid(6) }] });
      expect(status).toBe(200);
      expect(PolicyTestRun.parse(body)).toMatchObject({
        number: null,
        passed: 3,
        failed: 1,
        tests: [
          { kind: 'rego', name: 'test_a_large_amount_is_refused', file: 'limits_test.rego', line: 5, passed: true },
          { kind: 'rego', name: 'test_a_small_amount_passes', file: 'limits_test.rego', line: 10, passed: true },
          { kind: 'case', name: 'a small amount is paid', passed: true },
          { kind: 'case', name: 'a large amount is not', passed: false, message: expect.stringContaining('the effect must be "refuse", and is "allow"') },
        ],
        not_covered: {},
      });
      expect(await stored()).toBe(before);
    });

    it('names the lines that no Rego test ran', async () => {
      const uncovered = `${limits}\nfired contains {"id": "never", "effect": "hold", "reason": "Never."} if input.tool == "x"\n`;
      const { body } = await installation.ask('POST', '/v1/policy/check', { ...whole, modules: { ...whole.modules, 'limits.rego': uncovered } });
      expect(Object.keys(body.not_covered)).toEqual(['limits.rego']);
    });

    it('is refused with every fault, like a draft', async () => {
      const { status, body } = await installation.ask('POST', '/v1/policy/check', { rules: 'version: 2' });
      expect([status, body.code]).toEqual([422, 'invalid-rules']);
    });
  });

  describe('a difference', () => {
    it('names rules, Rego and cases that were added, removed and changed', async () => {
      const writers = { ...readers, id: 'writers', labels: ['write'] };
      const from = (await draft({ rules: set(readers, { ...readers, id: 'old', labels: ['old'] }) })).body.number;
      const changed = { ...readers, reason: 'It only reads.' };
      const candidate = { rules: set(writers, changed), modules: { 'limits.rego': limits.replace('1000', '2000'), 'other.rego': 'package customhouse.custom.other\n' }, cases: [] };
      const { status, body } = await installation.ask('POST', '/v1/policy/diff', { from, candidate });
      expect(status).toBe(200);
      expect(PolicyDifference.parse(body)).toMatchObject({
        from,
        to: null,
        same: false,
        rules: { added: [{ id: 'writers' }], removed: [{ id: 'old' }], changed: [{ before: { reason: 'It reads.' }, after: { reason: 'It only reads.' } }] },
        modules: { added: ['other.rego'], removed: ['limits_test.rego'], changed: [{ name: 'limits.rego', patch: expect.stringContaining('-limit := 1000\n+limit := 2000') }] },
        cases: { added: [], removed: cases.map((one) => one.name), changed: [] },
      });
    });

    it('says that two decide alike when only notes, cases and the order of rules differ', async () => {
      const other = { ...readers, id: 'others', labels: ['other'] };
      const from = (await draft({ rules: set(readers, other), cases: [] })).body.number;
      const to = (await draft({ rules: set(other, readers), note: 'sorted' })).body.number;
      const { body } = await installation.ask('POST', '/v1/policy/diff', { from, to });
      expect(body).toMatchObject({ from, to, same: true, rules: { added: [], removed: [], changed: [] }, cases: { added: cases.map((one) => one.name) } });
    });

    it('is one with the active version, unless another one is named', async () => {
      const active = await installation.activeNumber();
      expect((await installation.ask('POST', '/v1/policy/diff', { to: 0 })).body).toMatchObject({ from: active, to: 0 });
      expect((await installation.ask('POST', '/v1/policy/diff', { to: 4711 })).status).toBe(404);
      expect((await installation.ask('POST', '/v1/policy/diff', {})).status).toBe(400);
    });
  });

  it('may be read and checked by an auditor, and changed by an operator only', async () => {
    const auditor = await installation.key('otto', ['auditor']);
    const status = async (method: string, path: string, body?: unknown) => (await installation.ask(method, path, body, auditor)).status;
    expect(await status('POST', '/v1/policy/check', { rules: set(readers) })).toBe(200);
    expect(await status('POST', '/v1/policy/diff', { to: 0 })).toBe(200);
    expect(await status('GET', '/v1/policy/versions/0/bundle')).toBe(200);
    expect(await status('GET', '/v1/policy/keys')).toBe(200);
    expect(await status('POST', '/v1/policy/versions/0/test')).toBe(403);
    expect(await status('POST', '/v1/policy/bundles', { bundle: {} })).toBe(403);
  });

  it('begins with a version that has no tests, and can be tested nevertheless', async () => {
    const { body } = await installation.ask('POST', '/v1/policy/versions/0/test');
    expect(body).toMatchObject({ number: 0, digest: builtInVersion().digest, passed: 0, failed: 0 });
  });
});

describe('the settings of versions', () => {
  it('keep a version from being activated before it has come as far as they say, and from nothing else', async () => {
    const installation = await Installation.start({ CUSTOMHOUSE_POLICY_ACTIVATE_FROM: 'simulated' });
    try {
      const [one, other] = [await installation.draft(set(readers)), await installation.draft(set(readers))];
      const early = await installation.activate(one);
      expect([early.status, early.body.code, early.body.detail]).toEqual([409, 'conflict', expect.stringContaining('has come as far as "tested"')]);
      expect(await installation.activeNumber()).toBe(0);
      await installation.sql('update versions set simulated = clock_timestamp() where number = $1', [one]);
      expect((await installation.activate(one)).status).toBe(200);
      expect((await installation.activate(other)).status).toBe(409);
      expect((await installation.ask('POST', '/v1/policy/rollback', {})).body.number).toBe(0);
    } finally {
      await installation.stop();
    }
  });

  it('refuse Rego whose tests take longer than they say', async () => {
    const installation = await Installation.start({ CUSTOMHOUSE_POLICY_REGO_TIMEOUT_MS: '1000' });
    try {
      const slow = 'package customhouse.custom_test\n\ntest_for_ever if count([1 | some x in numbers.range(1, 5000); some y in numbers.range(1, 5000); x > y]) > 0\n';
      const { status, body } = await installation.ask('POST', '/v1/policy/check', { rules: set(readers), modules: { 'slow_test.rego': slow } });
      expect([status, body.code]).toEqual([422, 'invalid-rules']);
      expect(body.problems).toEqual([{ pointer: '/body/modules', message: expect.stringContaining('no answer within 1000 ms') }]);
    } finally {
      await installation.stop();
    }
  });
});
