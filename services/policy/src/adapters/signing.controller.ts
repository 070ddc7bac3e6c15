import { Body, Controller, Inject, Param } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { policyRoutes, type PolicyVersionDetail } from '@customhouse/http-contract/policy';
import type { BodyOf, ParamsOf } from '@customhouse/http-contract/route';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import { withProblems } from './refusals.js';
import { Signing } from './signing.js';
import { findVersion, toDetail } from './versions-view.js';

@Controller()
export class SigningController {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Signing) private readonly signing: Signing,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handle(policyRoutes.sign)
  async sign(
    @Param({ schema: policyRoutes.sign.params }) { number }: ParamsOf<typeof policyRoutes.sign>,
    @Body({ schema: policyRoutes.sign.body }) { digest }: BodyOf<typeof policyRoutes.sign>,
    @Caller() { person }: CallerIdentity,
  ): Promise<PolicyVersionDetail> {
    const signed = await withProblems(() => this.signing.sign(number, { digest, by: person }));
    if (signed) this.logger.info({ number, digest, by: person }, 'a version of the policy was signed');
    return toDetail((await findVersion(this.dataSource, { number }))!);
  }
}
