import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { shadowEnded, shadowStarted } from '@customhouse/events/policy/events';
import { within } from '@customhouse/event-log/deadline';
import type { EventLog, Positions } from '@customhouse/event-log/port';
import { placeGroup } from '@customhouse/event-store/lease';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import type { PolicyBlastRadius, PolicyShadow } from '@customhouse/http-contract/policy-trials';
import { conflict, notFound, unavailable } from '@customhouse/http-contract/problem';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, EVENT_LOG } from '@customhouse/nest/tokens';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';
import { BlastRadius, type ReportBounds } from '../domain/blast-radius.js';
import { CompiledVersions } from './compiled-versions.js';
import { versionStream } from './events.js';
import { callsTopic } from './history.consumer.js';
import { forgetMemory } from './shadow-memory.js';

export const shadowGroup = 'policy.shadow';
const answer_ms = 5_000;

interface ShadowRow extends Omit<PolicyShadow, 'started' | 'ended' | 'report'> {
  readonly started: Date;
  readonly ended: Date | null;
  /** JSON. */
  readonly report: string;
}

/** Whether no version does, so that nobody need follow the calls for it. */
export async function noShadow(tx: Tx): Promise<boolean> {
  return (await rowsOf(tx, 'select 1 from shadows where ended is null')).length === 0;
}

/** Which version runs in the shadow of the active one: at most one. */
@Injectable()
export class Shadows {
  private readonly outbox = new Outbox();

  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(CompiledVersions) private readonly compiled: CompiledVersions,
    @Inject(POLICY_SETTINGS) private readonly settings: PolicySettings,
  ) {}

  get bounds(): ReportBounds {
    return { names: this.settings.reportNames_count, examples: this.settings.reportExamples_count };
  }

  /** It looks at what comes to the log from now on. Throws ProblemError: `not-found` for a version that is not there, `conflict` while another one runs. */
  async start(number: number, by: string): Promise<PolicyShadow> {
    const policy = await this.compiled.of(number);
    if (!policy) throw new ProblemError(notFound, `there is no version ${number} of the policy`);
    const ends = await this.ends();
    return inTransaction(this.dataSource, async (tx) => {
      const report = JSON.stringify(new BlastRadius(this.bounds).report());
      const sql = 'insert into shadows (id, version, started_by, report) values ($1, $2, $3, $4) on conflict ((true)) where ended is null do nothing returning *';
      const [row] = await rowsOf<ShadowRow>(tx, sql, [newUlid(), number, by, report]);
      if (!row) {
        const present = await this.current(tx);
        throw new ProblemError(conflict, `version ${present?.version ?? '?'} runs in the shadow already: end that first`);
      }
      await placeGroup(tx, shadowGroup, ends);
      await tx.query('update versions set shadowed = $2 where number = $1', [number, row.started]);
      const data = { shadow: row.id, number, digest: policy.version.digest, by };
      await this.outbox.publish(tx, [{ declaration: shadowStarted, subject: versionStream(number), key: 'policy', data }]);
      return toShadow(row);
    });
  }

  /** Where the log of calls ends now. Throws ProblemError `unavailable`. */
  private async ends(): Promise<Positions> {
    try {
      return await within(answer_ms, this.log.ends([callsTopic]));
    } catch (error) {
      throw new ProblemError(unavailable, 'the log does not say where it ends, and the shadow begins there: try again', undefined, { cause: error });
    }
  }

  /** Throws ProblemError `not-found` when none runs. */
  async end(by: string): Promise<PolicyShadow> {
    return inTransaction(this.dataSource, async (tx) => {
      const [row] = await rowsOf<ShadowRow>(tx, 'update shadows set ended = clock_timestamp(), ended_by = $1 where ended is null returning *', [by]);
      if (!row) throw new ProblemError(notFound, 'no version runs in the shadow');
      await forgetMemory(tx, row.id);
      await tx.query('update versions set shadowed = null where number = $1', [row.version]);
      const shadow = toShadow(row);
      const { newly_allowed, newly_held, newly_refused, other_terms } = shadow.report.changes;
      const counts = { newly_allowed: newly_allowed.calls, newly_held: newly_held.calls, newly_refused: newly_refused.calls, other_terms: other_terms.calls };
      const data = { shadow: shadow.id, number: shadow.version, calls: shadow.report.calls, ...counts, by };
      await this.outbox.publish(tx, [{ declaration: shadowEnded, subject: versionStream(shadow.version), key: 'policy', data }]);
      return shadow;
    });
  }

  /** The one that runs, or else the last one that did. */
  async latest(): Promise<PolicyShadow | undefined> {
    const [row] = await rowsOf<ShadowRow>(this.dataSource, 'select * from shadows order by ended is null desc, id desc limit 1');
    return row && toShadow(row);
  }

  /** The one that runs. */
  async current(tx: Tx): Promise<Pick<PolicyShadow, 'id' | 'version'> | undefined> {
    return (await rowsOf<Pick<PolicyShadow, 'id' | 'version'>>(tx, 'select id, version from shadows where ended is null'))[0];
  }

  /** As it was saved last. */
  async report(tx: Tx, id: string): Promise<PolicyBlastRadius> {
    return JSON.parse((await oneRow<{ report: string }>(tx, 'select report from shadows where id = $1', [id])).report) as PolicyBlastRadius;
  }

  /** False: it was ended meanwhile. */
  async save(tx: Tx, id: string, report: PolicyBlastRadius): Promise<boolean> {
    return (await rowsOf(tx, 'update shadows set report = $2 where id = $1 and ended is null returning id', [id, JSON.stringify(report)])).length > 0;
  }
}

function toShadow({ started, ended, report, ...row }: ShadowRow): PolicyShadow {
  return { ...row, started: started.toISOString(), ended: ended?.toISOString() ?? null, report: JSON.parse(report) as PolicyBlastRadius };
}
