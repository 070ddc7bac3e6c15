import { Body, Controller, Inject, Param } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { policyRoutes, type PolicyVersionDetail } from '@customhouse/http-contract/policy';
import { notFound } from '@customhouse/http-contract/problem';
import type { BodyOf, ParamsOf, ResponseOf } from '@customhouse/http-contract/route';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { Bundles, toBundle } from './bundles.js';
import { Candidates, type Sources } from './candidates.js';
import { differenceBetween } from './difference.js';
import { Drafting } from './drafting.js';
import { PolicyMetrics } from './metrics.js';
import { withProblems } from './refusals.js';
import { Signatures } from './signatures.js';
import { Versions } from './versions.js';
import { findVersion, toDetail } from './versions-view.js';

/** What versions are made of: trying it, comparing it, and taking it from one installation to another. */
@Controller()
export class SourcesController {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Versions) private readonly versions: Versions,
    @Inject(Drafting) private readonly drafting: Drafting,
    @Inject(Candidates) private readonly candidates: Candidates,
    @Inject(Bundles) private readonly bundles: Bundles,
    @Inject(Signatures) private readonly signatures: Signatures,
    @Inject(PolicyMetrics) private readonly metrics: PolicyMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handle(policyRoutes.check)
  async check(@Body({ schema: policyRoutes.check.body }) body: BodyOf<typeof policyRoutes.check>): Promise<ResponseOf<typeof policyRoutes.check>> {
    return { number: null, ...(await withProblems(() => this.drafting.check(body))) };
  }

  @Handle(policyRoutes.test)
  async test(
    @Param({ schema: policyRoutes.test.params }) { number }: ParamsOf<typeof policyRoutes.test>,
    @Caller() caller: CallerIdentity,
  ): Promise<ResponseOf<typeof policyRoutes.test>> {
    const run = await withProblems(() => this.drafting.test(number, caller.person));
    if (!run) throw missing(number);
    return { number, ...run };
  }

  @Handle(policyRoutes.difference)
  async difference(
    @Body({ schema: policyRoutes.difference.body }) { from, to, candidate }: BodyOf<typeof policyRoutes.difference>,
  ): Promise<ResponseOf<typeof policyRoutes.difference>> {
    const before = await this.stored(from ?? (await this.activeNumber()));
    const after = candidate === undefined ? await this.stored(to!) : await this.versionOf(candidate);
    return { from: before.number, to: to ?? null, ...differenceBetween(before, after) };
  }

  private async versionOf(sources: Sources): Promise<PolicyVersion> {
    const { version, policy } = await withProblems(() => this.candidates.read(sources));
    policy.close();
    return version;
  }

  @Handle(policyRoutes.exportBundle)
  async exportBundle(
    @Param({ schema: policyRoutes.exportBundle.params }) { number }: ParamsOf<typeof policyRoutes.exportBundle>,
  ): Promise<ResponseOf<typeof policyRoutes.exportBundle>> {
    return toBundle(await this.stored(number));
  }

  @Handle(policyRoutes.importBundle)
  async importBundle(
    @Body({ schema: policyRoutes.importBundle.body }) { bundle, recompile }: BodyOf<typeof policyRoutes.importBundle>,
    @Caller() caller: CallerIdentity,
  ): Promise<PolicyVersionDetail> {
    const version = await withProblems(() => this.bundles.take(bundle, { by: caller.person, recompile }));
    this.metrics.drafted('stored');
    const row = await findVersion(this.dataSource, { number: version.number });
    const detail = toDetail(row!);
    this.logger.info({ number: version.number, digest: version.digest, origin: detail.origin, by: caller.person }, 'a version of the policy was imported');
    return detail;
  }

  @Handle(policyRoutes.keys)
  keys(): ResponseOf<typeof policyRoutes.keys> {
    const { signer, trusted } = this.signatures;
    return { signing: signer ? { key: signer.trusted.id, public_key: signer.publicKey } : null, trusted: trusted.map((key) => key.id) };
  }

  /** Intact, as it would be activated. */
  private async stored(number: number): Promise<PolicyVersion> {
    const stored = await this.versions.load(this.dataSource, number);
    if (!stored) throw missing(number);
    return stored.version;
  }

  private async activeNumber(): Promise<number> {
    const row = await findVersion(this.dataSource, { active: true });
    if (!row) throw new ProblemError(notFound, 'no version of the policy is active: say which one to compare with');
    return row.number;
  }
}

function missing(number: number): ProblemError {
  return new ProblemError(notFound, `there is no version ${number} of the policy`);
}
