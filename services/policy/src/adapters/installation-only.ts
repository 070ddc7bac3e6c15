import { Inject, Injectable } from '@nestjs/common';
import { forbidden } from '@customhouse/http-contract/problem';
import type { CallerIdentity } from '@customhouse/nest/access';
import type { HostSettings } from '@customhouse/nest/config';
import { ProblemError } from '@customhouse/nest/problem';
import { HOST_SETTINGS } from '@customhouse/nest/tokens';

/** A report on what a policy changes names agents and people of all tenants: it is for the tenant that runs the installation. */
@Injectable()
export class InstallationOnly {
  constructor(@Inject(HOST_SETTINGS) private readonly settings: HostSettings) {}

  demand(caller: CallerIdentity): void {
    if (caller.tenant !== this.settings.tenant)
      throw new ProblemError(forbidden, 'trials of the policy look at the calls of everybody: they are for the tenant that runs this installation');
  }
}
