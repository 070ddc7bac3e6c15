import { describe, expect, it } from '@jest/globals';
import { credentialRules } from './credential-rules.js';
import { modelSignals } from './model-signals.js';
import { toolSignals } from './tool-signals.js';
import { builtInPack } from './rule-pack.js';

const instructionSignals = [...modelSignals, ...toolSignals];

describe('the built-in rule pack', () => {
  it('has a version that is a date', () => expect(builtInPack.version).toMatch(/^\d{4}-\d\d-\d\d(?:\.\d+)?$/));

  it('names each signal once, in kebab case', () => {
    const ids = instructionSignals.map((signal) => signal.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
  });

  it('has windows that reach as far as the literal itself', () => {
    for (const rule of credentialRules) for (const literal of rule.literals) expect([rule.name, literal, rule.before >= literal.length]).toEqual([rule.name, literal, true]);
  });

  it('gives every signal a weight that no sum of one place can hide', () => {
    for (const signal of instructionSignals) {
      expect(Math.max(signal.definition, signal.result)).toBeGreaterThan(0);
      expect(Math.max(signal.definition, signal.result)).toBeLessThanOrEqual(1);
    }
  });
});
