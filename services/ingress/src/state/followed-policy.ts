import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { StateChange } from '@customhouse/event-log/state-follower';
import { signatureProblem, type TrustedKey } from '@customhouse/policies/signature';
import { isIntact } from '@customhouse/policies/version';
import { ActivePolicy } from '@customhouse/policy-engine/active-policy';
import type { Policy } from '@customhouse/policy-engine/policy';
import { compileGuarded } from '@customhouse/rego/guarded-policy';
import type { ThreadLimits } from '@customhouse/rego/module-threads';

const modulePrefix = 'module/';

/** The policy in force, followed from `customhouse.state.policy`. While there is none, calls are refused. */
export class FollowedPolicy {
  readonly #active: ActivePolicy;
  /** Why the version that arrived last is not used, whatever it is. */
  #untrusted: string | undefined;
  /** Changes are made ready one after the other, in their order. */
  #pending: Promise<void> = Promise.resolve();

  constructor(
    builtIn: { readonly digest: string; readonly wasm: Uint8Array },
    private readonly logger: Logger,
    private readonly onChange: () => void,
    /** Where there are any, a version decides only when one of them signed it. */
    private readonly keys: readonly TrustedKey[] = [],
    /** Of Rego that a version brings. */
    limits: ThreadLimits = {},
  ) {
    const onError = (error: Error): void => logger.error({ error }, 'the policy could not be evaluated; the call was refused');
    this.#active = new ActivePolicy(builtIn, (version, wasm) => compileGuarded(version, wasm, limits, { onError }));
  }

  get current(): Policy | undefined {
    return this.#active.current;
  }

  get problem(): string | undefined {
    return this.#untrusted ?? this.#active.problem;
  }

  apply(change: StateChange): void {
    this.#pending = this.#pending
      .then(() => this.#apply(change))
      .catch((error: unknown) => this.logger.error({ error, key: change.key }, 'a record of the policy was passed over'));
  }

  /** Resolves when everything that has arrived is in force. */
  settled(): Promise<void> {
    return this.#pending;
  }

  async close(): Promise<void> {
    await this.#pending;
    this.#active.close();
  }

  async #apply({ key, event }: StateChange): Promise<void> {
    const data = event?.foreign === undefined ? event?.data : undefined;
    if (key === 'active') {
      if (event?.foreign !== undefined)
        this.logger.error({ version: event.version }, 'the active policy is written in a form that this release does not know; calls are refused until it is upgraded');
      const version = data as PolicyVersion | undefined;
      this.#untrusted = version && this.#distrust(version);
      await this.#active.versionArrived(this.#untrusted === undefined ? (version ?? null) : null);
      if (this.problem !== undefined) this.logger.error(this.problem);
      this.onChange();
    } else if (key.startsWith(modulePrefix) && data !== undefined) {
      await this.#takeModule(key.slice(modulePrefix.length), (data as { readonly wasm: string }).wasm);
      this.onChange();
    }
  }

  /** In words, why a version must not decide. Its digest is compared because the signature is over that. */
  #distrust(version: PolicyVersion): string | undefined {
    if (this.keys.length === 0) return undefined;
    const { number, digest } = version;
    return signatureProblem(version, this.keys) ?? (isIntact(version) ? undefined : `version ${number} of the policy is not what its digest ${digest} says, so nobody signed it`);
  }

  async #takeModule(digest: string, text: string): Promise<void> {
    const wasm = Buffer.from(text, 'base64');
    if (hash('sha256', wasm, 'hex') === digest) await this.#active.moduleArrived(digest, wasm);
    else this.logger.error({ digest }, 'a policy module is not what its digest says; it is not used');
  }
}
