import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { approvalRoutes, type Approval, type ApprovalDetail } from '@customhouse/http-contract/approval';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { pageOfRows, readCursor } from './cursor.js';
import { Deciding } from './deciding.js';
import { findRequests, toApproval } from './requests-view.js';

/** Requests, for whoever has an API key. A key is no login, so no vote through it is fresh. */
@Controller()
export class ApprovalsController {
  constructor(
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(Deciding) private readonly deciding: Deciding,
  ) {}

  @Handle(approvalRoutes.list)
  async list(
    @Query({ schema: approvalRoutes.list.query }) query: QueryOf<typeof approvalRoutes.list>,
    @Caller() caller: CallerIdentity,
  ): Promise<ResponseOf<typeof approvalRoutes.list>> {
    const { limit, cursor, ...filter } = query;
    const rows = await findRequests(this.dataSource, { ...filter, tenant: caller.tenant }, { limit, before: readCursor(cursor) });
    return pageOfRows(rows, limit, (row) => row.approval, toApproval);
  }

  @Handle(approvalRoutes.show)
  async show(@Param({ schema: approvalRoutes.show.params }) { approval }: ParamsOf<typeof approvalRoutes.show>, @Caller() caller: CallerIdentity): Promise<ApprovalDetail> {
    return this.deciding.show(caller.tenant, approval);
  }

  @Handle(approvalRoutes.vote)
  async vote(
    @Param({ schema: approvalRoutes.vote.params }) { approval }: ParamsOf<typeof approvalRoutes.vote>,
    @Body({ schema: approvalRoutes.vote.body }) body: BodyOf<typeof approvalRoutes.vote>,
    @Caller() caller: CallerIdentity,
  ): Promise<Approval> {
    return this.deciding.vote({ ...body, approval, voter: caller, via: 'api', fresh: false });
  }

  @Handle(approvalRoutes.breakGlass)
  async breakGlass(
    @Param({ schema: approvalRoutes.breakGlass.params }) { approval }: ParamsOf<typeof approvalRoutes.breakGlass>,
    @Body({ schema: approvalRoutes.breakGlass.body }) body: BodyOf<typeof approvalRoutes.breakGlass>,
    @Caller() caller: CallerIdentity,
  ): Promise<Approval> {
    return this.deciding.breakGlass({ ...body, approval, voter: caller, via: 'api', fresh: false });
  }

  @Handle(approvalRoutes.review)
  async review(
    @Param({ schema: approvalRoutes.review.params }) { approval }: ParamsOf<typeof approvalRoutes.review>,
    @Body({ schema: approvalRoutes.review.body }) body: BodyOf<typeof approvalRoutes.review>,
    @Caller() caller: CallerIdentity,
  ): Promise<Approval> {
    return this.deciding.review({ ...body, approval, voter: caller });
  }

  @Handle(approvalRoutes.cancel)
  async cancel(
    @Param({ schema: approvalRoutes.cancel.params }) { approval }: ParamsOf<typeof approvalRoutes.cancel>,
    @Body({ schema: approvalRoutes.cancel.body }) body: BodyOf<typeof approvalRoutes.cancel>,
    @Caller() caller: CallerIdentity,
  ): Promise<Approval> {
    return this.deciding.cancel(approval, caller, caller.roles.includes('operator'), body.reason);
  }
}
