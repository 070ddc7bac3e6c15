import { RE2JS } from 're2js';
import { credentialRules, type CredentialRule } from './credential-rules.js';
import type { InstructionSignal } from './instruction-signals.js';
import { literalScanner, type LiteralScanner } from './literal-scanner.js';
import { modelSignals } from './model-signals.js';
import { toolSignals } from './tool-signals.js';

/** A compiled set of rules. Compile once and share: it has no state. */
export interface RulePack {
  /** Recorded with every finding: the same text under the same version gives the same findings. */
  readonly version: string;
  readonly scanner: LiteralScanner;
  /** By the index of the literal: the rules that it can begin. */
  readonly rulesOf: readonly (readonly CompiledRule[])[];
  /** A text whose signals add up to this is an instruction. One threshold for every kind of text. */
  readonly threshold: number;
}

export type CompiledRule =
  | { readonly kind: 'credential'; readonly rule: CredentialRule; readonly pattern: RE2JS }
  | { readonly kind: 'instruction'; readonly signal: InstructionSignal; readonly pattern: RE2JS };

export function compilePack(version: string, threshold: number, credentials: readonly CredentialRule[], signals: readonly InstructionSignal[]): RulePack {
  const byLiteral = new Map<string, CompiledRule[]>();
  const add = (literals: readonly string[], compiled: CompiledRule): void => {
    for (const literal of literals) {
      const known = byLiteral.get(literal);
      if (known) known.push(compiled);
      else byLiteral.set(literal, [compiled]);
    }
  };
  for (const rule of credentials) add(rule.literals, { kind: 'credential', rule, pattern: RE2JS.compile(rule.pattern) });
  for (const signal of signals) add(signal.literals, { kind: 'instruction', signal, pattern: RE2JS.compile(signal.pattern, RE2JS.CASE_INSENSITIVE) });
  return { version, threshold, scanner: literalScanner([...byLiteral.keys()]), rulesOf: [...byLiteral.values()] };
}

/** The rules that come with this version of Customhouse. */
export const builtInPack: RulePack = compilePack('2026-11-22', 1, credentialRules, [...modelSignals, ...toolSignals]);
