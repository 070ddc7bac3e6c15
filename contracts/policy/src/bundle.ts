import { z } from 'zod';
import { RuleSet } from './rules.js';

/** One immutable version of the policy: a module (compiled Rego) and the rules it is given as data. */
export const PolicyVersion = z.strictObject({
  /** 1, 2, 3 … in order of drafting. 0 is the built-in starter policy. */
  number: z.int().nonnegative(),
  /** SHA-256 (hex) over the module's digest and the canonical rules: the same content has the same digest. */
  digest: z.string(),
  /** SHA-256 (hex) of the WebAssembly module. */
  module: z.string(),
  rules: RuleSet,
  /** What changed, in the author's words. */
  note: z.string(),
});
export type PolicyVersion = z.infer<typeof PolicyVersion>;
