import { describe, expect, it } from '@jest/globals';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Policy, Target } from '@customhouse/policy-engine/policy';
import { NotInTime } from '@customhouse/policy-engine/policy-module';
import { seeing, type Sight } from './sight.js';

const ann = { agent: 'claude' } as PolicyInput['principal'];
const target = (tool: string): Target => ({ server: 'a', tool, labels: [] });
const elsewhere = (visible: (tool: string) => Promise<boolean>): Policy => ({ instant: false, visible: (_: unknown, { tool }: Target) => visible(tool) }) as unknown as Policy;

/** What a list does: looks at some, and then at others, depending on what it saw. */
function work(sight: Sight): string[] {
  const seen = ['one', 'two', 'three'].filter((tool) => sight.visible(ann, target(tool)));
  return seen.length === 2 ? [...seen, ...['four', 'five'].filter((tool) => sight.visible(ann, target(tool)))] : seen;
}

describe('what a caller may see', () => {
  it('is asked at once where that can be said at once', () => {
    const policy = { instant: true, visible: (_: unknown, { tool }: Target) => tool !== 'two' } as unknown as Policy;
    expect(seeing(policy, work)).toEqual(['one', 'three', 'four', 'five']);
  });

  it('is found out elsewhere, each target once, also what is asked because of what was seen', async () => {
    const asked: string[] = [];
    const policy = elsewhere(async (tool) => {
      asked.push(tool);
      return tool !== 'two' && tool !== 'five';
    });
    expect(await seeing(policy, work)).toEqual(['one', 'three', 'four']);
    expect(asked).toEqual(['one', 'two', 'three', 'four', 'five']);
  });

  it('is not half known: what is not said in time fails the list, by a reason that says so', async () => {
    const policy = elsewhere((tool) => (tool === 'three' ? Promise.reject(new NotInTime('policy-timeout', 'Too long.')) : Promise.resolve(true)));
    await expect(seeing(policy, work)).rejects.toMatchObject({ rule: 'not-ready', message: expect.stringContaining('did not say in time') });
  });
});
