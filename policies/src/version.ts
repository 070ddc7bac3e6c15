import { createHash } from 'node:crypto';
import { canonicalise } from '@customhouse/kernel/canonical';
import type { PolicyVersion, RegoFiles, WrittenCases } from '@customhouse/policy-contract/bundle';
import type { RuleSet } from '@customhouse/policy-contract/rules';

/** SHA-256 in lower-case hexadecimal. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** What a version is made of. `module` is the digest of the compiled module. */
export interface VersionParts {
  readonly number: number;
  readonly module: string;
  readonly rules: RuleSet;
  /** Rego of its own, by file name. None, unless given. */
  readonly modules?: RegoFiles;
  readonly cases?: WrittenCases;
  readonly note: string;
}

/** A version that nobody has signed. The same content has the same digest, whatever its number and note. */
export function makeVersion({ number, module, rules, modules = {}, cases = [], note }: VersionParts): PolicyVersion {
  return { number, digest: contentDigest({ module, rules, modules, cases }), module, rules, modules, cases, note, signature: null };
}

/** True when a version is what its digest says. */
export function isIntact(version: Pick<PolicyVersion, 'digest' | 'module' | 'rules' | 'modules' | 'cases'>): boolean {
  return version.digest === contentDigest(version);
}

function contentDigest({ module, rules, modules, cases }: Pick<VersionParts, 'module' | 'rules' | 'modules' | 'cases'>): string {
  return sha256(canonicalise({ cases, module, modules, rules }));
}
