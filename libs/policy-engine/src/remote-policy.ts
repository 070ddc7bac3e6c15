import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import { decisionOf } from './decision-of.js';
import { CompiledPolicy, entrypoints, everything, longestRemembered, type PolicyOptions, type RemotePolicy, type Target } from './policy.js';
import { NotInTime, PolicyUnusable } from './policy-module.js';

/** The module of a version with Rego of its own, somewhere where it can be given up. */
export interface RemoteModule {
  /** Entry points of the module. */
  readonly entrypoints: ReadonlySet<string>;
  /** What the entry point `customhouse/arguments` says. */
  readonly arguments: unknown;
  /** The value of an entry point. Rejects with EvaluationFailed; NotInTime is one. */
  evaluate(entrypoint: string, question: object): Promise<unknown>;
  close(): void;
}

/** A version that is evaluated elsewhere. Throws PolicyUnusable. */
export function remotePolicy(version: PolicyVersion, module: RemoteModule, options: PolicyOptions = {}): RemotePolicy {
  if (!module.entrypoints.has(entrypoints.decision)) throw new PolicyUnusable('the policy module has no entry point customhouse/decision');
  return new PolicyElsewhere(version, module, options);
}

class PolicyElsewhere extends CompiledPolicy implements RemotePolicy {
  readonly instant = false;

  constructor(
    version: PolicyVersion,
    private readonly module: RemoteModule,
    options: PolicyOptions,
  ) {
    super(version, module, everything, options);
  }

  async decide(input: PolicyInput): Promise<Decision> {
    try {
      return this.tooLarge(input) ?? decisionOf(await this.module.evaluate(entrypoints.decision, this.questionOf(input)), this.stamp);
    } catch (error) {
      return this.refusedOver(error);
    }
  }

  async visible(principal: PolicyInput['principal'], target: Target, method: GovernedMethod = 'tools/call'): Promise<boolean> {
    try {
      if (!this.module.entrypoints.has(entrypoints.visible)) return true;
      const question = this.questionOfList(principal, target, method);
      const key = JSON.stringify(question);
      const known = this.shown.get(key);
      if (known !== undefined) return known;
      const visible = (await this.module.evaluate(entrypoints.visible, question)) === true;
      if (key.length <= longestRemembered) this.shown.set(key, visible);
      return visible;
    } catch (error) {
      this.report(error);
      // What would be answered another time is not the answer.
      if (error instanceof NotInTime) throw error;
      return false;
    }
  }

  close(): void {
    this.module.close();
  }
}
