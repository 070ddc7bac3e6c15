import { z } from 'zod';
import { RuleSet } from './rules.js';

/** SHA-256 in lower-case hexadecimal. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 digest is 64 hexadecimal digits');

/** One immutable version of the policy: a module (compiled Rego) and the rules it is given as data. */
export const PolicyVersion = z.strictObject({
  /** 1, 2, 3 … in order of drafting. 0 is the set of rules that the installation began with. */
  number: z.int().nonnegative(),
  /** SHA-256 (hex) over the module's digest and the canonical rules: the same content has the same digest. */
  digest: Sha256,
  /** SHA-256 (hex) of the WebAssembly module. */
  module: Sha256,
  rules: RuleSet,
  /** What changed, in the author's words. */
  note: z.string().max(2000),
});
export type PolicyVersion = z.infer<typeof PolicyVersion>;
