import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { digestMismatch, type Approval, type ApprovalDetail } from '@customhouse/http-contract/approval';
import { notFound } from '@customhouse/http-contract/problem';
import type { Tx } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { APPROVAL_SETTINGS, type ApprovalSettings } from '../config.js';
import type { Command } from '../domain/decide.js';
import type { Links } from '../domain/person.js';
import { RequestMetrics } from './metrics.js';
import { delegationsTo, linksOf, namesOf, overdueReview } from './people.js';
import { Previews } from './preview.js';
import { answering } from './refusals.js';
import { findRequest, toApproval, type RequestRow } from './requests-view.js';
import { Requests, type Facts } from './requests.js';

/** Who decides, as the place knows them where they do. */
export interface Voter {
  readonly tenant: string;
  readonly person: string;
  /** Of the API key; null in a browser or a chat. */
  readonly agent: string | null;
  readonly groups: readonly string[];
  /** They may decide about nothing but what they asked for themselves, where the rules let them. */
  readonly onlyOwn?: boolean;
}

interface Act {
  readonly approval: string;
  readonly voter: Voter;
  readonly reason: string;
  /** Where: `api`, `browser`, `slack`, … */
  readonly via: string;
  /** With a login made for this decision. */
  readonly fresh: boolean;
  /** The binding that was read. */
  readonly binding?: string;
  /** Hash of what was shown. */
  readonly preview?: string;
}

export interface Ballot extends Act {
  readonly verdict: 'approve' | 'deny';
}

export interface Review {
  readonly approval: string;
  readonly voter: Voter;
  readonly verdict: 'justified' | 'unjustified';
  readonly comment: string;
}

/**
 * What people do with requests, from wherever they do it. Whoever calls has made sure who it is and that they may decide at all;
 * everything else is decided here. Refusals are ProblemErrors of contracts/http/src/approval.ts.
 */
@Injectable()
export class Deciding {
  constructor(
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(Requests) private readonly requests: Requests,
    @Inject(Previews) private readonly previews: Previews,
    @Inject(RequestMetrics) private readonly metrics: RequestMetrics,
    @Inject(APPROVAL_SETTINGS) private readonly settings: ApprovalSettings,
  ) {}

  /** The request and what would run. */
  async show(tenant: string, approval: string): Promise<ApprovalDetail> {
    const row = await this.find(tenant, approval);
    return { ...toApproval(row), ...(await this.previews.of(row.held)) };
  }

  /** Counts once, however often it is cast. */
  async vote({ approval, voter, verdict, reason, via, fresh, binding, preview }: Ballot): Promise<Approval> {
    if (verdict === 'approve') await this.checkCopy(voter.tenant, approval);
    return this.act(approval, voter, async (tx, { now }, links, names) => {
      const delegations = await delegationsTo(tx, voter.tenant, names);
      const givers = await linksOf(
        tx,
        voter.tenant,
        delegations.flatMap(({ from, to }) => [from, to]),
      );
      return {
        do: 'vote',
        by: voter,
        onlyOwn: voter.onlyOwn,
        groups: voter.groups,
        delegations,
        links: new Map([...links, ...givers]),
        verdict,
        reason,
        via,
        fresh,
        preview: preview ?? null,
        binding,
        now,
      };
    });
  }

  /** Lets the call run on the word of one person. */
  async breakGlass({ approval, voter, reason, via, fresh, binding, preview }: Act): Promise<Approval> {
    await this.checkCopy(voter.tenant, approval);
    return this.act(approval, voter, async (tx, { now }, links, names) => {
      const overdue = await overdueReview(tx, voter.tenant, names);
      return {
        do: 'break-glass',
        by: voter,
        onlyOwn: voter.onlyOwn,
        groups: voter.groups,
        links,
        reason,
        via,
        fresh,
        preview: preview ?? null,
        binding,
        overdue,
        review_ms: this.settings.review_s * 1000,
        now,
      };
    });
  }

  async review({ approval, voter, verdict, comment }: Review): Promise<Approval> {
    return this.act(approval, voter, (_, _facts, links) => ({ do: 'review', by: voter, links, verdict, comment }));
  }

  /** `operator`: may withdraw what others asked for. */
  async cancel(approval: string, voter: Voter, operator: boolean, reason: string): Promise<Approval> {
    return this.act(approval, voter, (_, { now }, links) => ({ do: 'cancel', by: voter, operator, links, reason, now }));
  }

  private async act(
    approval: string,
    { tenant, person }: Voter,
    command: (tx: Tx, facts: Facts, links: Links, names: readonly string[]) => Command | Promise<Command>,
  ): Promise<Approval> {
    const work = async (tx: Tx) =>
      this.requests.act(
        tx,
        approval,
        async (facts) => {
          const names = await namesOf(tx, tenant, person);
          return command(tx, facts, await linksOf(tx, tenant, [...facts.names, ...names, person]), names);
        },
        { tenant },
      );
    // A vote counts once however often it is cast, so it may be tried again when the fate of a commit is unknown.
    this.metrics.acted(await answering(inTransaction(this.dataSource, work, { repeatable: true })));
    return toApproval(await this.find(tenant, approval));
  }

  private async checkCopy(tenant: string, approval: string): Promise<void> {
    const { held, binding } = await this.find(tenant, approval);
    if (!this.previews.fits(held, binding)) throw new ProblemError(digestMismatch, 'the stored copy of the held call does not fit its binding; it can only be denied');
  }

  private async find(tenant: string, approval: string): Promise<RequestRow> {
    const row = await findRequest(this.dataSource, tenant, approval);
    if (!row) throw new ProblemError(notFound, `there is no approval request ${approval}`);
    return row;
  }
}
