import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { inTransaction } from '@customhouse/event-store/transaction';
import { dataSourceOf } from '@customhouse/nest/tokens';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { invalidRego } from './candidates.js';
import { Drafting } from './drafting.js';
import { Rego } from './rego.js';
import { Signatures } from './signatures.js';
import { Versions } from './versions.js';

/** A version was not signed. The message says why, and what to do. */
export class SigningRefused extends Error {
  override readonly name = 'SigningRefused';
  constructor(
    readonly rule: 'not-found' | 'no-key' | 'another-digest' | 'false-signature' | 'another-module',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Signs versions that were stored before there was a key. What stands in the database is not believed: whoever can write there could take a
 * signature away and change what was signed, so an operator names the digest of what was looked at, and the module is made once more from its sources.
 */
@Injectable()
export class Signing {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Versions) private readonly versions: Versions,
    @Inject(Drafting) private readonly drafting: Drafting,
    @Inject(Rego) private readonly rego: Rego,
    @Inject(Signatures) private readonly signatures: Signatures,
  ) {}

  /** Answers whether it was not signed before. Rejects with SigningRefused, SourcesInvalid, TestsFailed and VersionDamaged. */
  async sign(number: number, { digest, by }: { readonly digest: string; readonly by: string }): Promise<boolean> {
    const { signer } = this.signatures;
    if (!signer) throw new SigningRefused('no-key', 'no key signs versions here: set CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE');
    const stored = await this.versions.load(this.dataSource, number);
    if (!stored) throw new SigningRefused('not-found', `there is no version ${number} of the policy`);
    const { version } = stored;
    if (version.digest !== digest)
      throw new SigningRefused('another-digest', `version ${number} has the digest ${version.digest}, and ${digest} was to be signed: look at it again`);
    if (this.signatures.problemOf(version) === undefined) return false;
    if (this.signatures.isFalse(version))
      throw new SigningRefused(
        'false-signature',
        `the signature of version ${number} is false: somebody changed the database; store its rules once more, from where you keep them`,
      );
    await this.prove(version, by);
    const { signature } = signer.sign(version);
    await inTransaction(this.dataSource, (tx) => this.versions.signed(tx, { number, digest }, signature!, by));
    return true;
  }

  /** Its module is what its sources give, and its tests pass. */
  private async prove({ number, module, modules }: PolicyVersion, by: string): Promise<void> {
    let made: string;
    try {
      made = (await this.rego.compile(modules)).digest;
    } catch (error) {
      throw invalidRego(error);
    }
    if (made !== module)
      throw new SigningRefused(
        'another-module',
        `version ${number} has the module ${module}, and its sources give ${made} in this release: store its rules once more, as a version of their own`,
      );
    await this.drafting.prove(number, by);
  }
}
