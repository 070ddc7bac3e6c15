import { describe, expect, it } from '@jest/globals';
import { hasReached, stageOf, stages } from './stage.js';

const now = new Date(0);
const nothing = { active: false, tested: null, simulated: null, shadowed: null };

describe('the stage of a version', () => {
  it.each([
    ['draft', nothing],
    ['tested', { ...nothing, tested: now }],
    ['simulated', { ...nothing, tested: now, simulated: now }],
    ['shadow', { ...nothing, tested: now, simulated: now, shadowed: now }],
    ['shadow', { ...nothing, tested: now, shadowed: now }],
    ['active', { ...nothing, active: true }],
    ['active', { active: true, tested: now, simulated: now, shadowed: now }],
  ])('is %s', (stage, progress) => {
    expect(stageOf(progress)).toBe(stage);
  });

  it('is draft when its tests do not pass, whatever else was done with it', () => {
    expect(stageOf({ ...nothing, simulated: now, shadowed: now })).toBe('draft');
  });

  it('has every stage before it, and none after it', () => {
    for (const [place, stage] of stages.entries()) {
      expect(stages.map((other) => hasReached(stage, other))).toEqual(stages.map((_, other) => other <= place));
    }
  });
});
