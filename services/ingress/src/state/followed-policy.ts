import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { StateChange } from '@customhouse/event-log/state-follower';
import { ActivePolicy } from '@customhouse/policy-engine/active-policy';
import type { Policy } from '@customhouse/policy-engine/policy';

const modulePrefix = 'module/';

/** The policy in force, followed from `customhouse.state.policy`. While there is none, calls are refused. */
export class FollowedPolicy {
  readonly #active: ActivePolicy;
  /** Changes are made ready one after the other, in their order. */
  #pending: Promise<void> = Promise.resolve();

  constructor(
    builtIn: { readonly digest: string; readonly wasm: Uint8Array },
    private readonly logger: Logger,
    private readonly onChange: () => void,
  ) {
    this.#active = new ActivePolicy(builtIn, { onError: (error) => logger.error({ error }, 'the policy could not be evaluated; the call was refused') });
  }

  get current(): Policy | undefined {
    return this.#active.current;
  }

  get problem(): string | undefined {
    return this.#active.problem;
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

  async #apply({ key, event }: StateChange): Promise<void> {
    const data = event?.foreign === undefined ? event?.data : undefined;
    if (key === 'active') {
      if (event?.foreign !== undefined)
        this.logger.error({ version: event.version }, 'the active policy is written in a form that this release does not know; calls are refused until it is upgraded');
      await this.#active.versionArrived((data as PolicyVersion | undefined) ?? null);
      if (this.#active.problem !== undefined) this.logger.error(this.#active.problem);
      this.onChange();
    } else if (key.startsWith(modulePrefix) && data !== undefined) {
      await this.#takeModule(key.slice(modulePrefix.length), (data as { readonly wasm: string }).wasm);
      this.onChange();
    }
  }

  async #takeModule(digest: string, text: string): Promise<void> {
    const wasm = Buffer.from(text, 'base64');
    if (hash('sha256', wasm, 'hex') === digest) await this.#active.moduleArrived(digest, wasm);
    else this.logger.error({ digest }, 'a policy module is not what its digest says; it is not used');
  }
}
