import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { delegationGiven, delegationRevoked } from '@customhouse/events/approval/events';
import { delegationRefused, notYours, type ApprovalDelegation } from '@customhouse/http-contract/approval';
import { notFound } from '@customhouse/http-contract/problem';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { oneRow, rowsOf } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import { inTransaction } from '@customhouse/event-store/transaction';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { timestamp } from '@customhouse/kernel/time';
import { APPROVAL_SETTINGS, type ApprovalSettings } from '../config.js';
import { objectionTo } from '../domain/delegation.js';
import { folded } from '../domain/person.js';
import type { Voter } from './deciding.js';
import { linksOf, namesOf } from './people.js';

interface DelegationRow {
  readonly delegation: string;
  readonly giver: string;
  readonly groups: string[];
  readonly taker: string;
  readonly reason: string;
  readonly given: Date;
  readonly expires: Date;
  readonly revoked: Date | null;
}

const columns = 'delegation, giver, groups, taker, reason, given, expires, revoked';

export interface DelegationFilter {
  /** Only what this person gave or was given. */
  readonly of?: string;
  /** Only those that count now, or only those that do not. */
  readonly valid?: boolean;
  readonly before?: string;
  readonly limit: number;
}

/** Rights that people give to others for a time: a stream each, and a row. */
@Injectable()
export class Delegations {
  private readonly streams = new Streams();

  constructor(
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(APPROVAL_SETTINGS) private readonly settings: ApprovalSettings,
  ) {}

  /** Only the giver's own groups go with it. Throws ProblemError. */
  async give(from: Voter, to: string, expires: string, reason: string): Promise<ApprovalDelegation> {
    const delegation = newUlid();
    const row = await inTransaction(this.dataSource, async (tx) => {
      const { now } = await oneRow<{ now: string }>(tx, 'select floor(extract(epoch from clock_timestamp()) * 1000) as now');
      const links = await linksOf(tx, from.tenant, [from.person, to]);
      const expires_ms = Date.parse(expires);
      const objection = objectionTo({ from: from.person, to, expires_ms }, Number(now), this.settings.delegation_s * 1000, links);
      if (objection !== undefined) throw new ProblemError(delegationRefused, objection);
      const subject = `delegation-${delegation}`;
      const data = { delegation, tenant: from.tenant, from: from.person, groups: [...from.groups], to, expires: timestamp(expires_ms), reason };
      await this.streams.append(tx, subject, 0, [{ declaration: delegationGiven, subject, key: subject, data }]);
      return oneRow<DelegationRow>(
        tx,
        `insert into delegations (delegation, tenant, giver, giver_key, groups, taker, taker_key, reason, expires) values ($1, $2, $3, $4, $5::text[], $6, $7, $8, $9) returning ${columns}`,
        [delegation, from.tenant, from.person, folded(from.person), from.groups, to, folded(to), reason, data.expires],
      );
    });
    return toDelegation(row);
  }

  /** `operator`: may take back what is between others. Taking back again changes nothing. Throws ProblemError. */
  async revoke(delegation: string, by: Voter, operator: boolean): Promise<void> {
    await inTransaction(
      this.dataSource,
      async (tx) => {
        const [row] = await rowsOf<DelegationRow>(tx, `select ${columns} from delegations where tenant = $1 and delegation = $2 for update`, [by.tenant, delegation]);
        const names = await namesOf(tx, by.tenant, by.person);
        const theirs = row !== undefined && [row.giver, row.taker].some((name) => names.includes(folded(name)));
        // What is between others does not exist for whoever cannot see it.
        if (row === undefined || (!theirs && !operator)) throw new ProblemError(row === undefined ? notFound : notYours, `there is no delegation ${delegation} of yours`);
        if (row.revoked !== null) return;
        const subject = `delegation-${delegation}`;
        await this.streams.append(tx, subject, 1, [{ declaration: delegationRevoked, subject, key: subject, data: { delegation, tenant: by.tenant, by: by.person } }]);
        await tx.query('update delegations set revoked = clock_timestamp() where delegation = $1', [delegation]);
      },
      { repeatable: true },
    );
  }

  /** Newest first. Answers one more than `limit` when there are more. */
  async list(tenant: string, { of, valid, before, limit }: DelegationFilter): Promise<readonly ApprovalDelegation[]> {
    const { manager } = this.dataSource;
    const names = of === undefined ? null : await namesOf(manager, tenant, of);
    const rows = await rowsOf<DelegationRow>(
      manager,
      `select ${columns} from delegations
       where tenant = $1 and ($2::text[] is null or taker_key = any($2) or giver_key = any($2))
         and ($3::boolean is null or (revoked is null and expires > clock_timestamp()) = $3) and ($4::text is null or delegation < $4)
       order by delegation desc limit $5`,
      [tenant, names, valid ?? null, before ?? null, limit + 1],
    );
    return rows.map(toDelegation);
  }
}

function toDelegation({ giver, taker, given, expires, revoked, ...row }: DelegationRow): ApprovalDelegation {
  return { ...row, from: giver, to: taker, given: given.toISOString(), expires: expires.toISOString(), revoked: revoked?.toISOString() ?? null };
}
