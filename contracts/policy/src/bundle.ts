import { z } from 'zod';
import { RuleSet } from './rules.js';

/** SHA-256 in lower-case hexadecimal. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 digest is 64 hexadecimal digits');

const mostFiles = 100;
const mostCharacters = 524_288;

const RegoFileName = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9_-]*\.rego$/, 'a Rego file is named like limits.rego, in lower case');

/** Rego by file name. Names that end in `_test.rego` are tests: they are run, and decide nothing. */
export const RegoFiles = z
  .record(
    RegoFileName,
    z
      .string()
      .max(262_144, 'a Rego file has at most 262144 characters')
      .refine((text) => text.isWellFormed(), 'the text has a lone surrogate, which is no character'),
  )
  .refine((files) => Object.keys(files).length <= mostFiles, `there are at most ${mostFiles} Rego files`)
  .refine((files) => Object.values(files).reduce((sum, text) => sum + text.length, 0) <= mostCharacters, `all Rego files together have at most ${mostCharacters} characters`)
  .describe('Rego by file name, in the package `customhouse.custom` or below it: `limits.rego`. A name that ends in `_test.rego` is one of tests.');
export type RegoFiles = z.infer<typeof RegoFiles>;

/** Cases as their author wrote them (PolicyCase in cases.ts): what is left out is filled in when they are run, and does not count for the digest. */
export const WrittenCases = z.array(z.record(z.string(), z.unknown())).max(1000);
export type WrittenCases = z.infer<typeof WrittenCases>;

/** Who vouches for a version: Ed25519 over its number and its digest. */
export const PolicySignature = z.strictObject({
  /** SHA-256 (hex) of the public key in DER: which key it was. */
  key: Sha256,
  /** Base64. */
  value: z.base64(),
});
export type PolicySignature = z.infer<typeof PolicySignature>;

/** One immutable version of the policy: a module (compiled Rego), the rules it is given as data, and what proves that they do what they should. */
export const PolicyVersion = z.strictObject({
  /** 1, 2, 3 … in order of drafting. 0 is the set of rules that the installation began with. */
  number: z.int().nonnegative(),
  /** SHA-256 (hex) over the canonical module digest, rules, Rego files and cases: the same content has the same digest. */
  digest: Sha256,
  /** SHA-256 (hex) of the WebAssembly module: what comes with the release, or that and `modules` compiled. */
  module: Sha256,
  rules: RuleSet,
  /** Rego of this version's own, with its tests. */
  modules: RegoFiles,
  /** Calls and what must become of them. */
  cases: WrittenCases,
  /** What changed, in the author's words. */
  note: z.string().max(2000),
  /** Null where the policy service has no key to sign with. */
  signature: PolicySignature.nullable(),
});
export type PolicyVersion = z.infer<typeof PolicyVersion>;

/** A version as a file, to be kept or to be taken to another installation. */
export const PolicyBundle = z.strictObject({
  format: z.literal('customhouse-policy-bundle'),
  /** Of the format. */
  version: z.literal(1),
  policy: PolicyVersion,
});
export type PolicyBundle = z.infer<typeof PolicyBundle>;
