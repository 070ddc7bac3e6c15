import { isDeepStrictEqual } from 'node:util';
import { Controller, Inject, Param, Query } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { policyTrialRoutes, type PolicyExplanation } from '@customhouse/http-contract/policy-trials';
import { notFound } from '@customhouse/http-contract/problem';
import type { ParamsOf, QueryOf } from '@customhouse/http-contract/route';
import { timestamp } from '@customhouse/kernel/time';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, LOGGER, SEALER } from '@customhouse/nest/tokens';
import type { Decision } from '@customhouse/policy-contract/decision';
import { explanation } from '@customhouse/policy-engine/explanation';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { Sealer } from '@customhouse/sealing/sealer';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';
import { isOfGateway } from '../domain/recorded-call.js';
import { decideAgain, looksAtArguments, needsOf, openArguments, type Again, type Opened } from './again.js';
import { CompiledVersions } from './compiled-versions.js';
import { findCall, readArguments, type KeptCall } from './history-rows.js';

/** Says why a call was decided as it was, by deciding it again. */
@Controller()
export class ExplanationsController {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(CompiledVersions) private readonly compiled: CompiledVersions,
    @Inject(POLICY_SETTINGS) private readonly settings: PolicySettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handle(policyTrialRoutes.explain)
  async explain(
    @Param({ schema: policyTrialRoutes.explain.params }) { call: id }: ParamsOf<typeof policyTrialRoutes.explain>,
    @Query({ schema: policyTrialRoutes.explain.query }) { version }: QueryOf<typeof policyTrialRoutes.explain>,
    @Caller() caller: CallerIdentity,
  ): Promise<PolicyExplanation> {
    const call = await findCall(this.dataSource.manager, id, caller.tenant);
    if (!call) throw new ProblemError(notFound, `the decision on the call ${id} is not known here: it is of the last ${this.settings.history_days} days, or was made a moment ago`);
    const policy = await this.versionFor(call, version);
    const base = { call: id, time: timestamp(call.time), recorded: call.decision, decided_by: isOfGateway(call.decision, call.target['labels']) ? 'gateway' : 'policy' } as const;
    if (typeof policy === 'string') return { ...base, input: null, arguments: 'unused', again: null, reason: explanation(call.decision), same: null, problem: policy };
    const { opened, again } = await this.again(call, policy);
    const mayRead = caller.roles.includes('auditor');
    if (mayRead && opened !== undefined) this.logger.info({ call: id, caller: { person: caller.person, agent: caller.agent } }, 'what a decision was made on was shown');
    return { ...base, ...shown(call, again, opened, mayRead) };
  }

  /** The version that decided, or the one that is asked for; in words why it cannot be asked. */
  private async versionFor({ decision }: KeptCall, asked: number | undefined): Promise<Policy | string> {
    const number = asked ?? decision.policy.number;
    const policy = await this.compiled.of(number);
    if (asked !== undefined && !policy) throw new ProblemError(notFound, `there is no version ${asked} of the policy`);
    if (!policy) return `version ${number} of the policy, which decided, is not stored here`;
    if (asked === undefined && policy.version.digest !== decision.policy.digest)
      return `the call was decided by a version ${number} with the digest ${decision.policy.digest}, and the version ${number} that is stored here has the digest ${policy.version.digest}`;
    return policy;
  }

  private async again(call: KeptCall, policy: Policy): Promise<{ readonly opened: Opened | undefined; readonly again: Again }> {
    // Nobody counted for another version than the one that decided.
    const before = { used: Object.fromEntries(needsOf(call, policy).limits.map(({ rule }) => [rule, 0])) };
    if (!looksAtArguments(call, policy)) return { opened: undefined, again: await decideAgain(call, policy, undefined, before) };
    const opened = await openArguments((await readArguments(this.dataSource.manager, [call.call])).get(call.call), this.sealer);
    return { opened, again: await decideAgain(call, policy, opened, before) };
  }
}

type Shown = Pick<PolicyExplanation, 'input' | 'arguments' | 'again' | 'reason' | 'same' | 'problem'>;

function shown(call: KeptCall, again: Again, opened: Opened | undefined, mayRead: boolean): Shown {
  if (again.outcome !== 'decided') {
    const problem = again.outcome === 'erased' ? 'the version looks at arguments, and those were erased with the person' : again.problem;
    return { input: null, arguments: again.outcome, again: null, reason: explanation(call.decision), same: null, problem };
  }
  const { decision, input } = again;
  return {
    input: input === null || opened === undefined || mayRead ? input : { ...input, arguments: {} },
    arguments: opened === undefined ? 'unused' : mayRead ? 'read' : 'withheld',
    again: decision,
    reason: explanation(decision),
    same: isDeepStrictEqual(withoutVersion(decision), withoutVersion(call.decision)),
    problem: null,
  };
}

function withoutVersion({ effect, rules, obligations }: Decision) {
  return JSON.parse(JSON.stringify({ effect, rules, obligations })) as unknown;
}
