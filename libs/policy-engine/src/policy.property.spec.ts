import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { RuleMethod } from '@customhouse/policy-contract/methods';
import type { Rule } from '@customhouse/policy-contract/rules';
import { someCall, someRules } from '../test/arbitrary.js';
import { rule, versionOf, wasm } from '../test/parts.js';
import { decidedBy, isAbout } from '../test/reference.js';
import { compilePolicy, type InstantPolicy } from './policy.js';

const runs = { numRuns: 120 };
jest.setTimeout(60_000);
const calls = fc.array(someCall, { minLength: 1, maxLength: 12 });

/** An error of the engine is a refusal, which could hide behind a refusal that was meant. */
function compile(rules: readonly Rule[]): Promise<InstantPolicy> {
  return compilePolicy(versionOf(rules), wasm, {
    onError: (error) => {
      throw error;
    },
  });
}

describe('for all rules and calls', () => {
  it('the decision is what the rules mean', async () => {
    await fc.assert(
      fc.asyncProperty(someRules, calls, async (rules, inputs) => {
        const policy = await compile(rules);
        for (const input of inputs) {
          const decision = policy.decide(input);
          const meant = decidedBy(rules, input);
          expect({ effect: decision.effect, fired: decision.rules.map((fired) => fired.id).sort(), approve: decision.obligations.approve }).toEqual(meant);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('the deciding rules come first: refuse, hold, allow, each by id', async () => {
    const rank = { refuse: 0, hold: 1, allow: 2 };
    await fc.assert(
      fc.asyncProperty(someRules, someCall, async (rules, input) => {
        const { effect, rules: fired } = (await compile(rules)).decide(input);
        expect(fired[0]!.effect).toBe(effect);
        expect(fired).toEqual([...fired].sort((a, b) => rank[a.effect] - rank[b.effect] || (a.id < b.id ? -1 : 1)));
      }),
      runs,
    );
  });

  it('the order of the rules does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(
        someRules.chain((rules) => fc.tuple(fc.constant(rules), fc.shuffledSubarray(rules, { minLength: rules.length }))),
        calls,
        async ([rules, shuffled], inputs) => {
          const [one, other] = [await compile(rules), await compile(shuffled)];
          for (const input of inputs) expect({ ...other.decide(input), policy: null }).toEqual({ ...one.decide(input), policy: null });
        },
      ),
      runs,
    );
  });

  it('a rule about something else changes nothing', async () => {
    const elsewhere = rule({ id: 'elsewhere', effect: 'refuse', tools: ['another-server/*', 'files/another_tool'] });
    await fc.assert(
      fc.asyncProperty(someRules, calls, async (rules, inputs) => {
        const [one, other] = [await compile(rules), await compile([...rules, elsewhere])];
        for (const input of inputs) expect({ ...other.decide(input), policy: null }).toEqual({ ...one.decide(input), policy: null });
      }),
      runs,
    );
  });

  it('an allowing rule never turns a refusal by another rule, or a hold, into an allowance', async () => {
    const everything = rule({ id: 'everything', effect: 'allow', methods: RuleMethod.options });
    await fc.assert(
      fc.asyncProperty(someRules, calls, async (rules, inputs) => {
        const [one, other] = [await compile(rules), await compile([...rules, everything])];
        for (const input of inputs) {
          const before = one.decide(input);
          const expected = before.rules[0]!.id === 'default-deny' ? 'allow' : before.effect;
          expect(other.decide(input).effect).toBe(expected);
        }
      }),
      runs,
    );
  });

  it('the same call gets the same answer again, from the same policy and from one made anew', async () => {
    await fc.assert(
      fc.asyncProperty(someRules, calls, async (rules, inputs) => {
        const policy = await compile(rules);
        const answers = inputs.map((input) => policy.decide(input));
        const backwards = [...inputs].reverse().map((input) => policy.decide(structuredClone(input)));
        expect(backwards.reverse()).toEqual(answers);
        const anew = await compilePolicy(versionOf(rules), wasm, { remembered_decisions: 0, remembered_tools: 0 });
        expect(inputs.map((input) => anew.decide(input))).toEqual(answers);
      }),
      runs,
    );
  });

  it('what is allowed or held is visible, and what is not visible is refused whatever the arguments', async () => {
    await fc.assert(
      fc.asyncProperty(someRules, calls, async (rules, inputs) => {
        const policy = await compile(rules);
        for (const input of inputs) {
          const visible = policy.visible(input.principal, input, input.method);
          if (policy.decide(input).effect !== 'refuse') expect(visible).toBe(true);
          const about = rules.filter((candidate) => isAbout(candidate, input));
          const always = about.some(
            ({ effect, when, findings, session_labels, who }) => effect === 'refuse' && !when && !findings && !session_labels && !who?.clients && !who?.networks,
          );
          expect(visible).toBe(about.some((candidate) => candidate.effect !== 'refuse') && !always);
        }
      }),
      runs,
    );
  });

  it('the arguments that no rule looks at are not asked for, and those that are asked for are enough', async () => {
    await fc.assert(
      fc.asyncProperty(someRules, calls, async (rules, inputs) => {
        const policy = await compile(rules);
        for (const input of inputs) {
          const needed = policy.argumentsNeeded(input.server, input.tool, input.method);
          const few = Object.fromEntries(Object.entries(input.arguments).filter(([pointer]) => needed.includes(pointer)));
          expect(policy.decide({ ...input, arguments: few })).toEqual(policy.decide(input));
        }
      }),
      runs,
    );
  });
});
