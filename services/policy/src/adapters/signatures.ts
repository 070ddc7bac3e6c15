import { Inject, Injectable } from '@nestjs/common';
import { StartError } from '@customhouse/nest/start-error';
import { readPublicKeyFile, signatureProblem, VersionSigner, type TrustedKey } from '@customhouse/policies/signature';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { readKeyFile } from '@customhouse/sealing/key-file';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';

/** The key that signs what is stored here, and the keys whose signatures count. */
@Injectable()
export class Signatures {
  readonly signer: VersionSigner | undefined;
  /** Empty: nobody asks for signatures. */
  readonly trusted: readonly TrustedKey[];

  /** Throws StartError when a file cannot be used. */
  constructor(@Inject(POLICY_SETTINGS) { signingKeyFile, trustedKeysFile }: PolicySettings) {
    this.signer = signingKeyFile === undefined ? undefined : new VersionSigner(using('CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE', () => readKeyFile(signingKeyFile, { create: false })));
    const others = trustedKeysFile === undefined ? [] : using('CUSTOMHOUSE_POLICY_TRUSTED_KEYS_FILE', () => readPublicKeyFile(trustedKeysFile));
    this.trusted = [...(this.signer ? [this.signer.trusted] : []), ...others];
  }

  /** The version with a signature, where there is a key. */
  sign(version: PolicyVersion): PolicyVersion {
    return this.signer?.sign(version) ?? version;
  }

  /** Whether it claims to be signed by a key that is trusted, and is not: somebody changed the database. */
  isFalse({ number, digest, signature }: Pick<PolicyVersion, 'number' | 'digest' | 'signature'>): boolean {
    return signature !== null && this.trusted.some(({ id }) => id === signature.key) && this.problemOf({ number, digest, signature }) !== undefined;
  }

  /** In words, why the version must not be used. Undefined: it is signed as it should be, or nobody asks for that. */
  problemOf(version: Pick<PolicyVersion, 'number' | 'digest' | 'signature'>): string | undefined {
    return this.trusted.length === 0 ? undefined : signatureProblem(version, this.trusted);
  }
}

function using<T>(setting: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new StartError(`${setting}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
