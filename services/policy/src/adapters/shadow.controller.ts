import { Body, Controller, Inject } from '@nestjs/common';
import type { Logger } from 'pino';
import { policyTrialRoutes, type PolicyShadow } from '@customhouse/http-contract/policy-trials';
import { notFound } from '@customhouse/http-contract/problem';
import type { BodyOf } from '@customhouse/http-contract/route';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { LOGGER } from '@customhouse/nest/tokens';
import { InstallationOnly } from './installation-only.js';
import { Shadows } from './shadows.js';

@Controller()
export class ShadowController {
  constructor(
    @Inject(Shadows) private readonly shadows: Shadows,
    @Inject(InstallationOnly) private readonly installation: InstallationOnly,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handle(policyTrialRoutes.shadow)
  async show(@Caller() caller: CallerIdentity): Promise<PolicyShadow> {
    this.installation.demand(caller);
    const shadow = await this.shadows.latest();
    if (!shadow) throw new ProblemError(notFound, 'no version has run in the shadow yet');
    return shadow;
  }

  @Handle(policyTrialRoutes.startShadow)
  async start(
    @Body({ schema: policyTrialRoutes.startShadow.body }) { version }: BodyOf<typeof policyTrialRoutes.startShadow>,
    @Caller() caller: CallerIdentity,
  ): Promise<PolicyShadow> {
    this.installation.demand(caller);
    const shadow = await this.shadows.start(version, caller.person);
    this.logger.info({ shadow: shadow.id, version, by: caller.person }, 'a version runs in the shadow');
    return shadow;
  }

  @Handle(policyTrialRoutes.endShadow)
  async end(@Caller() caller: CallerIdentity): Promise<PolicyShadow> {
    this.installation.demand(caller);
    const shadow = await this.shadows.end(caller.person);
    this.logger.info({ shadow: shadow.id, version: shadow.version, by: caller.person }, 'a version no longer runs in the shadow');
    return shadow;
  }
}
