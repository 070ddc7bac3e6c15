/**
 * A sign that a text speaks to the model instead of describing something. One strong sign is enough; weak ones add up. Patterns are
 * matched against folded text (lower case, one space between words, no hidden characters), in a window around a literal.
 */
export interface InstructionSignal {
  readonly id: string;
  /** Lower case ASCII; each match of the pattern contains at least one. */
  readonly literals: readonly string[];
  /** RE2, case ignored. */
  readonly pattern: string;
  /** In a tool's definition, where nobody but the model is spoken to. */
  readonly definition: number;
  /** In a result, which may be anything that people write. */
  readonly result: number;
}

/** Up to so many words that do not matter. */
export const gap = (words: number): string => `(?:[^\\s]+\\s+){0,${words}}?`;
