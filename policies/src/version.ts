import { createHash } from 'node:crypto';
import { canonicalise } from '@customhouse/kernel/canonical';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { RuleSet } from '@customhouse/policy-contract/rules';

/** SHA-256 in lower-case hexadecimal. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Makes a version of rules and the digest of a module. The same rules and module have the same digest, whatever their number and note. */
export function makeVersion(parts: { readonly number: number; readonly module: string; readonly rules: RuleSet; readonly note: string }): PolicyVersion {
  const { number, module, rules, note } = parts;
  return { number, digest: contentDigest(module, rules), module, rules, note };
}

/** True when a version is what its digest says. */
export function isIntact(version: PolicyVersion): boolean {
  return version.digest === contentDigest(version.module, version.rules);
}

function contentDigest(module: string, rules: RuleSet): string {
  return sha256(canonicalise({ module, rules }));
}
