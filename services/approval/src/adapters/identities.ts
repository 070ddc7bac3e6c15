import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { identityLinked, identityUnlinked } from '@customhouse/events/approval/events';
import { fourEyes, identityTaken, type ApprovalIdentity } from '@customhouse/http-contract/approval';
import { notFound } from '@customhouse/http-contract/problem';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import { inTransaction } from '@customhouse/event-store/transaction';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { APPROVAL_SETTINGS, type ApprovalSettings } from '../config.js';
import { folded } from '../domain/person.js';
import type { Voter } from './deciding.js';
import { linksOf, namesOf } from './people.js';

/** An account, or a further name. */
export interface Identity {
  readonly kind: ApprovalIdentity['kind'];
  /** The issuer, the Slack team, the Microsoft tenant; empty for a name. */
  readonly authority: string;
  readonly subject: string;
}

/** A login that was verified. */
export interface Login {
  readonly tenant: string;
  readonly issuer: string;
  readonly subject: string;
  /** Who it is, by the name that keys and tokens have for them. */
  readonly person: string;
  readonly groups: readonly string[];
  /** Whether they may decide about calls at all. */
  readonly approver: boolean;
}

export interface IdentityFilter {
  readonly person?: string;
  readonly kind?: Identity['kind'];
  readonly before?: string;
  readonly limit: number;
}

type IdentityRow = Omit<ApprovalIdentity, 'linked'> & { readonly linked: Date };

const columns = 'identity, kind, authority, subject, person, linked, linked_by';

/** Which accounts and names belong to whom, and what is known of people from their last login. */
@Injectable()
export class Identities {
  private readonly streams = new Streams();

  constructor(
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(APPROVAL_SETTINGS) private readonly settings: ApprovalSettings,
  ) {}

  /** Remembers a login: whose account it is, their groups, and whether they may decide. Throws ProblemError when the account is somebody else's. */
  async signedIn({ tenant, issuer, subject, person, groups, approver }: Login): Promise<void> {
    await inTransaction(
      this.dataSource,
      async (tx) => {
        await this.put(tx, tenant, { kind: 'oidc', authority: issuer, subject }, person, person);
        await tx.query(
          `insert into people (tenant, person_key, person, groups, approver, seen) values ($1, $2, $3, $4::text[], $5, clock_timestamp())
           on conflict (tenant, person_key) do update set person = excluded.person, groups = excluded.groups, approver = excluded.approver, seen = excluded.seen`,
          [tenant, folded(person), person, groups, approver],
        );
      },
      { repeatable: true },
    );
  }

  /** Linking again changes nothing. Throws ProblemError when it is somebody else's. */
  async link(identity: Identity, to: { readonly tenant: string; readonly person: string; readonly by: string }): Promise<ApprovalIdentity> {
    return toIdentity(await inTransaction(this.dataSource, (tx) => this.put(tx, to.tenant, identity, to.person, to.by), { repeatable: true }));
  }

  /** Throws ProblemError. */
  async unlink(id: string, by: { readonly tenant: string; readonly person: string }): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const [row] = await rowsOf<IdentityRow>(tx, `select ${columns} from identities where tenant = $1 and identity = $2 for update`, [by.tenant, id]);
      if (row === undefined) throw new ProblemError(notFound, `there is no identity ${id}`);
      const own = await namesOf(tx, by.tenant, by.person);
      if (own.includes(folded(row.person))) throw new ProblemError(fourEyes, 'it is your own: another operator has to unlink it');
      const { kind, authority, subject, person } = row;
      const stream = `identity-${id}`;
      const data = { identity: id, tenant: by.tenant, kind, authority, subject, person, by: by.person };
      await this.streams.append(tx, stream, 1, [{ declaration: identityUnlinked, subject: stream, key: stream, data }]);
      await tx.query('delete from identities where identity = $1', [id]);
    });
  }

  /**
   * Whose account this is, for a vote from where nobody logs in. `unknown`: nobody's; `stale`: they have not logged in for too long
   * (`CUSTOMHOUSE_APPROVAL_LOGIN_S`), or never; `not-approver`: by their last login they may decide nothing. With `own` such a person is
   * somebody who decides about nothing but what they asked for themselves.
   */
  async voterOf({ kind, authority, subject }: Identity, own = false): Promise<Voter | 'unknown' | 'stale' | 'not-approver'> {
    const { manager } = this.dataSource;
    const [account] = await rowsOf<{ tenant: string; person: string }>(
      manager,
      `select tenant, person from identities where kind = $1 and authority = $2 and subject = $3 and kind <> 'name'`,
      [kind, authority, subject],
    );
    if (account === undefined) return 'unknown';
    const { tenant, person } = account;
    const [login] = await rowsOf<{ groups: string[]; approver: boolean }>(
      manager,
      `select groups, approver from people where tenant = $1 and person_key = any($2::text[]) and seen > clock_timestamp() - $3 * interval '1 second' order by seen desc limit 1`,
      [tenant, await namesOf(manager, tenant, person), this.settings.login_s],
    );
    if (login === undefined) return 'stale';
    const voter = { tenant, person, agent: null, groups: login.groups };
    if (login.approver) return voter;
    return own ? { ...voter, onlyOwn: true } : 'not-approver';
  }

  /** Newest first. Answers one more than `limit` when there are more. */
  async list(tenant: string, { person, kind, before, limit }: IdentityFilter): Promise<readonly ApprovalIdentity[]> {
    const { manager } = this.dataSource;
    const names = person === undefined ? null : await namesOf(manager, tenant, person);
    const rows = await rowsOf<IdentityRow>(
      manager,
      `select ${columns} from identities
       where tenant = $1 and ($2::text[] is null or person_key = any($2)) and ($3::text is null or kind = $3) and ($4::text is null or identity < $4)
       order by identity desc limit $5`,
      [tenant, names, kind ?? null, before ?? null, limit + 1],
    );
    return rows.map(toIdentity);
  }

  private async put(tx: Tx, tenant: string, { kind, authority, subject: given }: Identity, person: string, by: string): Promise<IdentityRow> {
    // One at a time, so that no name is made another name of one that is just being made another name itself.
    await tx.query(`select pg_advisory_xact_lock(hashtext('customhouse.approval.identities'))`);
    const subject = kind === 'name' ? folded(given) : given;
    const links = await linksOf(tx, tenant, [person]);
    // Names have one name in common, and no chains: what is linked to another name is linked to the person behind it.
    const owner = links.get(folded(person)) ?? person;
    const [known] = await rowsOf<IdentityRow & { tenant: string }>(
      tx,
      `select ${columns}, tenant from identities where kind = $1 and authority = $2 and subject = $3 and (kind <> 'name' or tenant = $4)`,
      [kind, authority, subject, tenant],
    );
    if (known !== undefined) {
      const current = await linksOf(tx, tenant, [known.person]);
      if (known.tenant === tenant && (current.get(folded(known.person)) ?? folded(known.person)) === folded(owner)) return known;
      throw new ProblemError(identityTaken, `${subject} is linked to ${known.tenant === tenant ? known.person : 'somebody of another tenant'}`);
    }
    if (kind === 'name') await this.checkName(tx, tenant, subject, owner);
    const identity = newUlid();
    const stream = `identity-${identity}`;
    const data = { identity, tenant, kind, authority, subject, person: owner, by };
    await this.streams.append(tx, stream, 0, [{ declaration: identityLinked, subject: stream, key: stream, data }]);
    return oneRow<IdentityRow>(
      tx,
      `insert into identities (identity, tenant, kind, authority, subject, person, person_key, linked_by) values ($1, $2, $3, $4, $5, $6, $7, $8) returning ${columns}`,
      [identity, tenant, kind, authority, subject, owner, folded(owner), by],
    );
  }

  private async checkName(tx: Tx, tenant: string, subject: string, owner: string): Promise<void> {
    if (subject === folded(owner)) throw new ProblemError(identityTaken, `${subject} is the name of that person already`);
    const [other] = await rowsOf<{ subject: string }>(tx, `select subject from identities where tenant = $1 and kind = 'name' and person_key = $2 limit 1`, [tenant, subject]);
    if (other !== undefined)
      throw new ProblemError(identityTaken, `${other.subject} is linked to ${subject}, which therefore cannot be another name itself: link ${owner} to ${subject} instead`);
  }
}

function toIdentity({ linked, ...row }: IdentityRow): ApprovalIdentity {
  const { identity, kind, authority, subject, person, linked_by } = row;
  return { identity, kind, authority, subject, person, linked: linked.toISOString(), linked_by };
}
