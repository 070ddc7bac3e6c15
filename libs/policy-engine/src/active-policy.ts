import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { Policy } from './policy.js';

/** Makes a version ready. Rejects with PolicyUnusable. */
export type Compile = (version: PolicyVersion, wasm: Uint8Array) => Promise<Policy>;

/**
 * The policy in force, as followed from `customhouse.state.policy`: hand it what arrives under `module/<digest>` and under `active`, in
 * any order. A version replaces the one before in one step, when it is ready. A version that cannot be made ready leaves no
 * policy in force: the one before it was replaced by somebody who had a reason.
 */
export class ActivePolicy {
  readonly #modules = new Map<string, Uint8Array>();
  #wanted: PolicyVersion | undefined;
  #current: Policy | undefined;
  #problem: string | undefined = 'no policy has been activated yet';

  /** `builtIn`: the module that this release carries, which is known before any is published. */
  constructor(
    builtIn: { readonly digest: string; readonly wasm: Uint8Array },
    private readonly compile: Compile,
  ) {
    this.#modules.set(builtIn.digest, builtIn.wasm);
  }

  /** Undefined while there is none: every call is refused then. */
  get current(): Policy | undefined {
    return this.#current;
  }

  /** Why there is no policy in force, in words. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The caller has checked that `wasm` has this digest. */
  async moduleArrived(digest: string, wasm: Uint8Array): Promise<void> {
    if (this.#modules.has(digest)) return;
    this.#modules.set(digest, wasm);
    if (this.#wanted?.module === digest) await this.#makeReady(this.#wanted);
  }

  /** Resolves when the version decides, or when it is known that it cannot: see `problem`. Null: the policy was withdrawn. */
  async versionArrived(version: PolicyVersion | null): Promise<void> {
    this.#wanted = version ?? undefined;
    if (version) await this.#makeReady(version);
    else this.#stop('the policy was withdrawn');
  }

  async #makeReady(version: PolicyVersion): Promise<void> {
    const wasm = this.#modules.get(version.module);
    if (!wasm) return this.#stop(`version ${version.number} of the policy needs the module ${version.module}, which has not arrived`);
    try {
      const policy = await this.compile(version, wasm);
      if (this.#wanted !== version) return policy.close();
      this.#current?.close();
      this.#current = policy;
      this.#problem = undefined;
    } catch (error) {
      if (this.#wanted === version) this.#stop(`version ${version.number} of the policy cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Gives back what the policy in force holds. */
  close(): void {
    this.#current?.close();
  }

  #stop(problem: string): void {
    this.#current?.close();
    this.#current = undefined;
    this.#problem = problem;
  }
}
