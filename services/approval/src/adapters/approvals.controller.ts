import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { alreadyDecided, approvalRoutes, digestMismatch, fourEyes, notYours, requestExpired, type Approval, type ApprovalDetail } from '@customhouse/http-contract/approval';
import { invalidRequest, notFound, type ProblemKind } from '@customhouse/http-contract/problem';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { inTransaction } from '@customhouse/event-store/transaction';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { RequestRefused, type Command, type RefusalRule } from '../domain/request.js';
import { RequestMetrics } from './metrics.js';
import { Previews } from './preview.js';
import { findRequest, findRequests, toApproval, type RequestRow } from './requests-view.js';
import { Requests } from './requests.js';

const problems: Record<RefusalRule, ProblemKind> = {
  'not-found': notFound,
  'already-decided': alreadyDecided,
  expired: requestExpired,
  'digest-mismatch': digestMismatch,
  'four-eyes': fourEyes,
  'not-yours': notYours,
};

@Controller()
export class ApprovalsController {
  constructor(
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(Requests) private readonly requests: Requests,
    @Inject(Previews) private readonly previews: Previews,
    @Inject(RequestMetrics) private readonly metrics: RequestMetrics,
  ) {}

  @Handle(approvalRoutes.list)
  async list(
    @Query({ schema: approvalRoutes.list.query }) query: QueryOf<typeof approvalRoutes.list>,
    @Caller() caller: CallerIdentity,
  ): Promise<ResponseOf<typeof approvalRoutes.list>> {
    const { limit, cursor, ...filter } = query;
    const rows = await findRequests(this.dataSource, { ...filter, tenant: caller.tenant }, { limit, before: cursor === undefined ? undefined : readCursor(cursor) });
    const items = rows.slice(0, limit);
    return { items: items.map(toApproval), next: rows.length > limit ? makeCursor(items.at(-1)!.approval) : null };
  }

  @Handle(approvalRoutes.show)
  async show(@Param({ schema: approvalRoutes.show.params }) { approval }: ParamsOf<typeof approvalRoutes.show>, @Caller() caller: CallerIdentity): Promise<ApprovalDetail> {
    const row = await this.find(caller.tenant, approval);
    return { ...toApproval(row), ...(await this.previews.of(row.held)) };
  }

  @Handle(approvalRoutes.vote)
  async vote(
    @Param({ schema: approvalRoutes.vote.params }) { approval }: ParamsOf<typeof approvalRoutes.vote>,
    @Body({ schema: approvalRoutes.vote.body }) body: BodyOf<typeof approvalRoutes.vote>,
    @Caller() caller: CallerIdentity,
  ): Promise<Approval> {
    const { held, binding } = await this.find(caller.tenant, approval);
    if (body.verdict === 'approve' && !this.previews.fits(held, binding))
      throw new ProblemError(digestMismatch, 'the stored copy of the held call does not fit its binding; it can only be denied');
    return this.act(approval, caller, (now) => ({ do: 'vote', by: caller, verdict: body.verdict, reason: body.reason, binding: body.binding, via: 'api', now }));
  }

  @Handle(approvalRoutes.cancel)
  async cancel(
    @Param({ schema: approvalRoutes.cancel.params }) { approval }: ParamsOf<typeof approvalRoutes.cancel>,
    @Body({ schema: approvalRoutes.cancel.body }) body: BodyOf<typeof approvalRoutes.cancel>,
    @Caller() caller: CallerIdentity,
  ): Promise<Approval> {
    return this.act(approval, caller, (now) => ({ do: 'cancel', by: caller, operator: caller.roles.includes('operator'), reason: body.reason, now }));
  }

  private async act(approval: string, caller: CallerIdentity, command: (now: number) => Command): Promise<Approval> {
    try {
      // A vote counts once however often it is cast, so it may be tried again when the fate of a commit is unknown.
      const acted = await inTransaction(this.dataSource, (tx) => this.requests.act(tx, approval, command, { tenant: caller.tenant }), { repeatable: true });
      this.metrics.acted(acted);
    } catch (error) {
      if (error instanceof RequestRefused) throw new ProblemError(problems[error.rule], error.message, undefined, { cause: error });
      throw error;
    }
    return toApproval(await this.find(caller.tenant, approval));
  }

  private async find(tenant: string, approval: string): Promise<RequestRow> {
    const row = await findRequest(this.dataSource, tenant, approval);
    if (!row) throw new ProblemError(notFound, `there is no approval request ${approval}`);
    return row;
  }
}

function makeCursor(last: string): string {
  return Buffer.from(last).toString('base64url');
}

function readCursor(cursor: string): string {
  const last = Buffer.from(cursor, 'base64url').toString();
  if (!/^[0-9A-HJKMNP-TV-Z]{26}$/.test(last))
    throw new ProblemError(invalidRequest, '/query/cursor: is not one that this list gave out', [{ pointer: '/query/cursor', message: 'is not one that this list gave out' }]);
  return last;
}
