import { Inject, Injectable } from '@nestjs/common';
import { isIntact } from '@customhouse/policies/version';
import { PolicyBundle, type PolicyVersion } from '@customhouse/policy-contract/bundle';
import { Candidates } from './candidates.js';
import { Drafting } from './drafting.js';
import { Signatures } from './signatures.js';

/** The bundle was not taken. The message says why, and what to do. */
export class BundleRefused extends Error {
  override readonly name = 'BundleRefused';
}

export function toBundle(policy: PolicyVersion): PolicyBundle {
  return { format: 'customhouse-policy-bundle', version: 1, policy };
}

/**
 * Takes versions of other installations. Nothing of a bundle runs but what is compiled here from its sources: the module that it
 * names must come out, so that a version decides here what it decided there.
 */
@Injectable()
export class Bundles {
  constructor(
    @Inject(Candidates) private readonly candidates: Candidates,
    @Inject(Drafting) private readonly drafting: Drafting,
    @Inject(Signatures) private readonly signatures: Signatures,
  ) {}

  /** Rejects with BundleRefused, SourcesInvalid and TestsFailed. */
  async take(document: unknown, { by, recompile }: { readonly by: string; readonly recompile: boolean }): Promise<PolicyVersion> {
    const origin = read(document);
    const problem = this.signatures.problemOf(origin);
    if (problem !== undefined) throw new BundleRefused(`${problem}: add the public key of its installation to CUSTOMHOUSE_POLICY_TRUSTED_KEYS_FILE, if you trust it`);
    const candidate = await this.candidates.read(origin);
    if (candidate.version.digest !== origin.digest && !recompile) {
      candidate.policy.close();
      throw new BundleRefused(
        `version ${origin.number} was made by another release: its module is ${origin.module}, and here it would be ${candidate.version.module}; ask for it to be compiled anew, and look at what it decides`,
      );
    }
    const { number, digest, signature, note } = origin;
    return this.drafting.store(candidate, { note, by, untested: false, origin: { number, digest, key: signature?.key ?? null } });
  }
}

/** The version in a bundle, exactly as it was written. Throws BundleRefused. */
function read(document: unknown): PolicyVersion {
  const parsed = PolicyBundle.safeParse(document);
  if (!parsed.success)
    throw new BundleRefused(`this is no bundle of this release: ${parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the document'}: ${issue.message}`).join('; ')}`);
  // What a schema fills in would change the digest, so the document itself is looked at.
  const { policy } = document as PolicyBundle;
  if (!isIntact(policy)) throw new BundleRefused(`the bundle is not what its digest ${policy.digest} says: it was changed after it was made`);
  return policy;
}
