import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { policyRoutes, type PolicyDryRun, type PolicyVersionDetail } from '@customhouse/http-contract/policy';
import { invalidRequest, notFound } from '@customhouse/http-contract/problem';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import type { Tx } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import { explanation } from '@customhouse/policy-engine/explanation';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { Policy } from '@customhouse/policy-engine/policy';
import { NotInTime } from '@customhouse/policy-engine/policy-module';
import { inputOf, recordedAs } from '@customhouse/policy-engine/run-cases';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';
import { SourcesInvalid } from './candidates.js';
import { CompiledVersions } from './compiled-versions.js';
import { Drafting, TestsFailed } from './drafting.js';
import { PolicyMetrics } from './metrics.js';
import { withProblems } from './refusals.js';
import { Versions } from './versions.js';
import { findVersion, findVersions, toDetail, toSummary } from './versions-view.js';

@Controller()
export class PolicyController {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Versions) private readonly versions: Versions,
    @Inject(Drafting) private readonly drafting: Drafting,
    @Inject(CompiledVersions) private readonly compiled: CompiledVersions,
    @Inject(PolicyMetrics) private readonly metrics: PolicyMetrics,
    @Inject(POLICY_SETTINGS) private readonly settings: PolicySettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handle(policyRoutes.active)
  async active(): Promise<PolicyVersionDetail> {
    const row = await findVersion(this.dataSource, { active: true });
    if (!row) throw new ProblemError(notFound, 'no version of the policy is active: activate one');
    return toDetail(row);
  }

  @Handle(policyRoutes.versions)
  async list(@Query({ schema: policyRoutes.versions.query }) { limit, cursor }: QueryOf<typeof policyRoutes.versions>): Promise<ResponseOf<typeof policyRoutes.versions>> {
    const rows = await findVersions(this.dataSource, { limit, before: cursor === undefined ? undefined : readCursor(cursor) });
    const items = rows.slice(0, limit);
    return { items: items.map(toSummary), next: rows.length > limit ? String(items.at(-1)!.number) : null };
  }

  @Handle(policyRoutes.show)
  async show(@Param({ schema: policyRoutes.show.params }) { number }: ParamsOf<typeof policyRoutes.show>): Promise<PolicyVersionDetail> {
    return this.detail(number);
  }

  @Handle(policyRoutes.draft)
  async draft(@Body({ schema: policyRoutes.draft.body }) body: BodyOf<typeof policyRoutes.draft>, @Caller() caller: CallerIdentity): Promise<PolicyVersionDetail> {
    const { note, untested, ...sources } = body;
    const version = await withProblems(async () => {
      try {
        return await this.drafting.draft(sources, { note, by: caller.person, untested });
      } catch (error) {
        if (error instanceof SourcesInvalid) this.metrics.drafted('invalid-rules');
        if (error instanceof TestsFailed) this.metrics.drafted('cases-failed');
        throw error;
      }
    });
    this.metrics.drafted('stored');
    this.logger.info({ number: version.number, digest: version.digest, by: caller.person }, 'a version of the policy was stored');
    return this.detail(version.number);
  }

  @Handle(policyRoutes.activate)
  async activate(
    @Param({ schema: policyRoutes.activate.params }) { number }: ParamsOf<typeof policyRoutes.activate>,
    @Body({ schema: policyRoutes.activate.body }) { expected }: BodyOf<typeof policyRoutes.activate>,
    @Caller() caller: CallerIdentity,
  ): Promise<PolicyVersionDetail> {
    const active = await findVersion(this.dataSource, { active: true });
    if (active?.number !== number) await withProblems(() => this.drafting.prove(number, caller.person));
    // Activating twice is activating once, so it may be tried again when the fate of a commit is unknown.
    return this.change(caller, true, (tx) => this.versions.activate(tx, number, { by: caller.person, from: this.settings.activateFrom, expected }));
  }

  @Handle(policyRoutes.rollback)
  async rollBack(@Body({ schema: policyRoutes.rollback.body }) { expected }: BodyOf<typeof policyRoutes.rollback>, @Caller() caller: CallerIdentity): Promise<PolicyVersionDetail> {
    return this.change(caller, false, (tx) => this.versions.rollBack(tx, caller.person, expected));
  }

  @Handle(policyRoutes.decide)
  async decide(@Body({ schema: policyRoutes.decide.body }) body: BodyOf<typeof policyRoutes.decide>): Promise<PolicyDryRun> {
    const number = body.version ?? (await this.active()).number;
    const policy = await this.compiled.of(number);
    if (!policy) throw new ProblemError(notFound, `there is no version ${number} of the policy`);
    const input = body.input ?? inputOf(body.call!, policy);
    const decision = await policy.decide(input);
    return {
      decision,
      reason: explanation(decision),
      event: recordedAs[decision.effect],
      arguments_needed: [...policy.argumentsNeeded(input.server, input.tool, input.method)],
      visible: await visibleIn(policy, input),
    };
  }

  private async change(
    caller: CallerIdentity,
    repeatable: boolean,
    work: (tx: Tx) => Promise<{ readonly number: number; readonly changed: boolean }>,
  ): Promise<PolicyVersionDetail> {
    const { number, changed } = await withProblems(() => inTransaction(this.dataSource, work, { repeatable }));
    if (changed) {
      this.metrics.activated(number);
      this.logger.info({ number, by: caller.person }, 'a version of the policy was activated');
    }
    return this.detail(number);
  }

  private async detail(number: number): Promise<PolicyVersionDetail> {
    const row = await findVersion(this.dataSource, { number });
    if (!row) throw new ProblemError(notFound, `there is no version ${number} of the policy`);
    return toDetail(row);
  }
}

/** What cannot be said in time is not shown in lists. */
async function visibleIn(policy: Policy, input: PolicyInput): Promise<boolean> {
  try {
    return await policy.visible(input.principal, input, input.method);
  } catch (error) {
    if (error instanceof NotInTime) return false;
    throw error;
  }
}

function readCursor(cursor: string): number {
  if (/^(?:0|[1-9][0-9]{0,9})$/.test(cursor)) return Number(cursor);
  throw new ProblemError(invalidRequest, '/query/cursor: is not one that this list gave out', [{ pointer: '/query/cursor', message: 'is not one that this list gave out' }]);
}
