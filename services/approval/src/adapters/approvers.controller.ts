import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import { approvalRoutes, type ApprovalDelegation, type ApprovalIdentity } from '@customhouse/http-contract/approval';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { pageOfRows, readCursor } from './cursor.js';
import { Delegations } from './delegations.js';
import { Identities } from './identities.js';

/** Who decides for whom, and which accounts are whose. */
@Controller()
export class ApproversController {
  constructor(
    @Inject(Delegations) private readonly delegations: Delegations,
    @Inject(Identities) private readonly identities: Identities,
  ) {}

  @Handle(approvalRoutes.listDelegations)
  async listDelegations(
    @Query({ schema: approvalRoutes.listDelegations.query }) { limit, cursor, valid }: QueryOf<typeof approvalRoutes.listDelegations>,
    @Caller() caller: CallerIdentity,
  ): Promise<ResponseOf<typeof approvalRoutes.listDelegations>> {
    const all = caller.roles.includes('operator') || caller.roles.includes('auditor');
    const filter = { of: all ? undefined : caller.person, valid: valid === undefined ? undefined : valid === 'true', before: readCursor(cursor), limit };
    return pageOfRows(
      await this.delegations.list(caller.tenant, filter),
      limit,
      (row) => row.delegation,
      (row) => row,
    );
  }

  @Handle(approvalRoutes.delegate)
  async delegate(@Body({ schema: approvalRoutes.delegate.body }) body: BodyOf<typeof approvalRoutes.delegate>, @Caller() caller: CallerIdentity): Promise<ApprovalDelegation> {
    return this.delegations.give(caller, body.to, body.expires, body.reason);
  }

  @Handle(approvalRoutes.revokeDelegation)
  async revokeDelegation(
    @Param({ schema: approvalRoutes.revokeDelegation.params }) { delegation }: ParamsOf<typeof approvalRoutes.revokeDelegation>,
    @Caller() caller: CallerIdentity,
  ): Promise<void> {
    await this.delegations.revoke(delegation, caller, caller.roles.includes('operator'));
  }

  @Handle(approvalRoutes.listIdentities)
  async listIdentities(
    @Query({ schema: approvalRoutes.listIdentities.query }) { limit, cursor, person, kind }: QueryOf<typeof approvalRoutes.listIdentities>,
    @Caller() caller: CallerIdentity,
  ): Promise<ResponseOf<typeof approvalRoutes.listIdentities>> {
    return pageOfRows(
      await this.identities.list(caller.tenant, { person, kind, before: readCursor(cursor), limit }),
      limit,
      (row) => row.identity,
      (row) => row,
    );
  }

  @Handle(approvalRoutes.linkIdentity)
  async linkIdentity(
    @Body({ schema: approvalRoutes.linkIdentity.body }) { person, ...identity }: BodyOf<typeof approvalRoutes.linkIdentity>,
    @Caller() caller: CallerIdentity,
  ): Promise<ApprovalIdentity> {
    return this.identities.link(identity, { tenant: caller.tenant, person, by: caller.person });
  }

  @Handle(approvalRoutes.unlinkIdentity)
  async unlinkIdentity(
    @Param({ schema: approvalRoutes.unlinkIdentity.params }) { identity }: ParamsOf<typeof approvalRoutes.unlinkIdentity>,
    @Caller() caller: CallerIdentity,
  ): Promise<void> {
    await this.identities.unlink(identity, caller);
  }
}
