import type { Finding } from '@customhouse/events/finding/finding';
import type { Json } from '@customhouse/kernel/canonical';
import { readableBase64 } from './base64.js';
import { inspectCharacters, isMasked, unmask } from './characters.js';
import { credentialAt, isNamedCredential, namedRule, type Budget } from './credentials.js';
import { instructionScore } from './instructions.js';
import type { RulePack } from './rule-pack.js';
import { locationOf, walk, type WalkLimits } from './walk.js';

/** What kind of value is looked at; also the first word of a finding's location. */
export type Part = 'definition' | 'arguments' | 'result';

export interface InspectLimits extends WalkLimits {
  /** Characters that patterns may be run over where the prefilter could not rule them out (about 20 ns each). */
  readonly patterns: number;
  readonly findings: number;
}

export const defaultLimits: InspectLimits = { depth: 64, characters: 1_000_000, values: 100_000, patterns: 400_000, findings: 50 };

/**
 * Looks at every text and every member's name of a value. Takes time linear in its size, up to the limits; a value that is larger
 * is reported as `inspection-truncated`, so that a policy can decide about what nobody looked at. Does not throw for any JSON value.
 */
export function inspect(pack: RulePack, part: Part, value: Json, limits: InspectLimits = defaultLimits): Finding[] {
  const inspection = new Inspection(pack, part, limits);
  const whole = walk(value, limits, inspection);
  return inspection.finish(whole);
}

class Inspection {
  readonly #findings: Finding[] = [];
  readonly #budget: Budget;

  constructor(
    private readonly pack: RulePack,
    private readonly part: Part,
    private readonly limits: InspectLimits,
  ) {
    this.#budget = { characters: limits.patterns };
  }

  onText(text: string, name: string | undefined, path: readonly string[]): void {
    const credential = this.#inspectText(text, path);
    if (!credential && name !== undefined && isNamedCredential(name, text)) this.#addCredential(namedRule.name, namedRule.severity, path);
  }

  /** A name that is itself a credential is not written into any location. */
  onName(name: string, path: readonly string[]): boolean {
    return !this.#inspectText(name, path);
  }

  finish(whole: boolean): Finding[] {
    if (!whole || this.#budget.characters < 0 || this.#findings.length >= this.limits.findings)
      this.#findings.push({
        rule: 'inspection-truncated',
        severity: 'medium',
        location: this.part,
        message: 'the value is too large, too deep or too suspicious to be looked at completely',
      });
    return this.#findings;
  }

  /** Returns whether the text holds a credential. */
  #inspectText(text: string, path: readonly string[]): boolean {
    let credential = false;
    let instructions = false;
    const ascii = this.pack.scanner.scan(text, (literal, end) => {
      for (const compiled of this.pack.rulesOf[literal]!) {
        if (compiled.kind === 'instruction') {
          instructions = true;
        } else if (!credential && this.#budget.characters >= 0) {
          const span = credentialAt(text, end, compiled, this.#budget);
          if (span) {
            credential = true;
            this.#addCredential(span.rule.name, span.rule.severity, path);
          }
        }
      }
      return true;
    });
    const plain = ascii && !text.includes('\u001b') && !text.includes('\b');
    const masked = !plain && isMasked(text);
    if (!plain) for (const problem of inspectCharacters(text, this.part === 'definition')) this.#add(problem.rule, problem.severity, problem.message, path);
    // Nobody is instructed by what the agent itself wrote.
    if (this.part !== 'arguments') this.#inspectInstructions(text, instructions, masked, path);
    return credential;
  }

  #inspectInstructions(text: string, hit: boolean, masked: boolean, path: readonly string[]): void {
    const readings: string[] = [];
    if (hit) readings.push(text);
    if (masked) readings.push(unmask(text));
    if (this.part === 'definition' && text.length >= 40) readings.push(...readableBase64(text));
    let best = 0;
    for (const reading of readings) best = Math.max(best, instructionScore(this.pack, this.part === 'definition' ? 'definition' : 'result', reading, this.#budget));
    if (best < this.pack.threshold) return;
    if (this.part === 'definition')
      this.#add('instructions-in-definition', best >= 2 * this.pack.threshold ? 'critical' : 'high', 'the definition speaks to the model instead of describing the tool', path);
    else this.#add('instructions-in-result', best >= 2 * this.pack.threshold ? 'high' : 'medium', 'the result contains text that reads like instructions to the model', path);
  }

  #addCredential(name: string, severity: Finding['severity'], path: readonly string[]): void {
    this.#add('credential', severity, `contains ${name}`, path);
  }

  #add(rule: string, severity: Finding['severity'], message: string, path: readonly string[]): void {
    if (this.#findings.length >= this.limits.findings) return;
    this.#findings.push({ rule, severity, location: locationOf(this.part, path), message });
  }
}
