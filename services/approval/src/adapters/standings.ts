import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Approval } from '@customhouse/http-contract/approval';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { standingOf, type Standing } from '../domain/standing.js';
import type { Voter } from './deciding.js';
import { delegationsTo, linksOf, namesOf } from './people.js';
import { findRequests, toApproval, type RequestFilter, type RequestRow } from './requests-view.js';

export interface Listed {
  readonly approval: Approval;
  readonly standing: Standing;
}

/** Requests that are read at once to find those that somebody can do something about, and how many of them for one page. */
const batch = 100;
const most = 1_000;

/** What somebody can do about requests: what pages offer them. */
@Injectable()
export class Standings {
  constructor(@Inject(dataSourceOf('approval')) private readonly dataSource: DataSource) {}

  /** Of each of these requests, in their order. */
  async of(voter: Voter, rows: readonly RequestRow[]): Promise<readonly Standing[]> {
    const { manager } = this.dataSource;
    const { tenant, person, groups } = voter;
    const delegations = await delegationsTo(manager, tenant, await namesOf(manager, tenant, person));
    const names = [person, ...delegations.flatMap(({ from, to }) => [from, to]), ...rows.flatMap(namesIn)];
    const links = await linksOf(manager, tenant, names);
    const viewer = { person, groups, delegations, now: Date.now() };
    return rows.map((row) => standingOf(viewer, seen(row), links));
  }

  /**
   * Newest first, of those older than `before`. `next`: where the next page begins, null on the last one. So many may be passed over that
   * a page has fewer than `limit`, and there is a next one all the same.
   */
  async list(
    voter: Voter,
    filter: Pick<RequestFilter, 'status' | 'review'>,
    wanted: (standing: Standing) => boolean,
    { limit, before }: { readonly limit: number; readonly before?: string },
  ): Promise<{ readonly items: readonly Listed[]; readonly next: string | null }> {
    const items: Listed[] = [];
    let from = before;
    for (let looked = 0; looked < most; looked += batch) {
      const found = await findRequests(this.dataSource, { ...filter, tenant: voter.tenant }, { limit: batch, before: from });
      const rows = found.slice(0, batch);
      const standings = await this.of(voter, rows);
      for (const [index, row] of rows.entries()) {
        const standing = standings[index]!;
        if (!wanted(standing)) continue;
        if (items.length === limit) return { items, next: items.at(-1)!.approval.approval };
        items.push({ approval: toApproval(row), standing });
      }
      if (found.length <= batch) return { items, next: null };
      from = rows.at(-1)!.approval;
    }
    return { items, next: from ?? null };
  }
}

function seen(row: RequestRow) {
  const { agent, person, owner, actors, terms, approvers, glass } = row;
  return { open: row.status === 'open', requester: { agent, person, owner, actors }, terms, escalated: row.escalated !== null, approvers, glass };
}

function namesIn({ person, owner, actors, approvers, terms, glass }: RequestRow): readonly string[] {
  const named = (terms.approvers ?? []).flatMap(({ people }) => people ?? []);
  return [person, ...(owner === null ? [] : [owner]), ...actors, ...approvers, ...named, ...(glass === null ? [] : [glass.by])];
}
