import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bodyOf, corpus, headersOf, type WireCase } from './support/wire-case.js';
import { callsIn, faultOf, rulesOf } from './support/wire-invariants.js';
import { mutated, type Mutated } from './support/wire-mutations.js';
import { WireTarget } from './support/wire-target.js';

/** Both can be given, to look for longer or to see a failure again. */
const seed = Number(process.env['TEST_FUZZ_SEED'] ?? randomInt(2 ** 31));
const runs = Number(process.env['TEST_FUZZ_RUNS'] ?? 300);

let target: WireTarget;

beforeAll(async () => {
  target = await WireTarget.start();
}, 60_000);

afterAll(async () => {
  await target?.close();
});

const families = corpus();

it.each(families)('the cases of $family have names of their own', ({ cases }) => {
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
});

describe.each(families)('$family', ({ cases }) => {
  it.each(cases.map((kept): [string, WireCase] => [kept.name, kept]))('%s', async (_name, kept) => {
    const { status, rule, reaches = 0 } = kept.expect;
    const { answer, received } = await target.exchange(kept);
    expect(faultOf(answer, target.secrets)).toBeUndefined();
    expect([status].flat()).toContain(answer.status);
    if (rule !== undefined) expect(rulesOf(answer)).toContain(rule);
    else if (answer.status! < 400) expect(rulesOf(answer)).toEqual([]);
    expect(received).toHaveLength(reaches);
    await target.expectHealth();
  });
});

describe('whatever is made of these requests', () => {
  // Those that wait for a limit of time, and those that are long, would only make it slow.
  const small = families.flatMap(({ cases }) => cases).filter(({ request }) => bodyOf(request).length < 8_000 && !('content-length' in (request.headers ?? {})));

  // A rejection that nobody handles fails the test that runs at the time: Jest sees to that.
  it(`is answered as it should be, and reaches no server unless it is a call (TEST_FUZZ_SEED=${seed})`, async () => {
    const property = fc.asyncProperty(mutated(small), async ({ sent, cuts }) => {
      const { answer, received } = await target.exchange(sent, cuts);
      expect(faultOf(answer, target.secrets)).toBeUndefined();
      const chunked = headersOf(sent)['transfer-encoding'] !== undefined;
      const asked = chunked ? undefined : callsIn(bodyOf(sent.request)).map((call) => JSON.stringify(call));
      for (const { params } of received) {
        expect(answer.status).toBe(200);
        if (asked !== undefined) expect(asked).toContain(JSON.stringify(params['arguments']));
      }
      expect(received.length).toBeLessThanOrEqual(asked?.length ?? 1);
      await target.expectHealth();
    });
    await fc.assert(property, { seed, numRuns: runs, reporter });
  }, 300_000);
});

/** What failed, as a case that can be kept. */
function reporter(run: fc.RunDetails<[Mutated]>): void {
  if (!run.failed) return;
  const kept = { name: '…', ...run.counterexample?.[0].sent, expect: { status: 400 } };
  throw new Error(`after ${run.numRuns} mutations, with TEST_FUZZ_SEED=${run.seed}: ${String(run.errorInstance)}\nto keep in wire-corpus: ${JSON.stringify(kept)}`);
}
