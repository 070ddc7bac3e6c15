import { loadPolicy, type LoadedPolicy } from '@open-policy-agent/opa-wasm';

/** The module or its data cannot be used at all: nothing is activated. */
export class PolicyUnusable extends Error {
  override readonly name = 'PolicyUnusable';
}

/** One evaluation went wrong. */
export class EvaluationFailed extends Error {
  override readonly name = 'EvaluationFailed';
}

/** An evaluation was given up, or never had its turn. The message is for whoever made the call. */
export class NotInTime extends EvaluationFailed {
  constructor(
    readonly rule: 'policy-timeout' | 'policy-busy',
    message: string,
  ) {
    super(message);
  }
}

const startPages = 16;

/**
 * Functions of Rego that the module calls outside of itself, and may: the library has them, and they take time linear in what they are
 * given. It has others, on JavaScript's own regular expressions for example, which a long text could stall.
 */
const outside: ReadonlySet<string> = new Set(['sprintf', 'json.is_valid']);

/**
 * A compiled Rego module with its data. Evaluations share nothing: OPA's `opa_eval` begins each at the end of the data, and an instance in
 * which one failed is thrown away and made again, so that no half-changed memory is ever evaluated.
 */
export class PolicyModule {
  #loaded: LoadedPolicy | undefined;
  readonly #entrypoints: ReadonlySet<string>;
  #reloading: Promise<void> | undefined;

  private constructor(
    readonly wasm: Uint8Array,
    readonly data: object,
    /** The memory of the module, in pages of 64 KiB, beyond which an evaluation fails. */
    readonly maxPages: number,
    loaded: LoadedPolicy,
  ) {
    this.#loaded = loaded;
    this.#entrypoints = new Set(Object.keys(loaded.entrypoints as object));
  }

  /** Rejects with PolicyUnusable. */
  static async load(wasm: Uint8Array, data: object, maxPages: number): Promise<PolicyModule> {
    return new PolicyModule(wasm, data, maxPages, await instantiate(wasm, data, maxPages));
  }

  /** Whether a module may be used with this data, without evaluating anything of it. Rejects with PolicyUnusable. */
  static async check(wasm: Uint8Array, data: object, maxPages: number): Promise<void> {
    await instantiate(wasm, data, maxPages);
  }

  has(entrypoint: string): boolean {
    return this.#entrypoints.has(entrypoint);
  }

  /** The value of one entry point. Throws EvaluationFailed, also while the instance is being made again. */
  evaluate(entrypoint: string, input: object): unknown {
    if (!this.has(entrypoint)) throw new EvaluationFailed(`the module has no entry point ${entrypoint}`);
    if (!this.#loaded) {
      this.#reload();
      throw new EvaluationFailed('the module is being loaded again after a failure');
    }
    let answer: unknown;
    try {
      answer = this.#loaded.evaluate(input, entrypoint);
    } catch (error) {
      this.#loaded = undefined;
      this.#reload();
      throw new EvaluationFailed(`${entrypoint} failed: ${messageOf(error)}`);
    }
    const result = Array.isArray(answer) ? (answer[0] as { result?: unknown } | undefined)?.result : undefined;
    if (result === undefined) throw new EvaluationFailed(`${entrypoint} has no value for this input`);
    return result;
  }

  /** Bytes of memory that the module holds now. It never shrinks, and it never exceeds the limit. */
  get memory_bytes(): number {
    return this.#loaded?.mem.buffer.byteLength ?? 0;
  }

  #reload(): void {
    this.#reloading ??= instantiate(this.wasm, this.data, this.maxPages)
      .then(
        (loaded) => void (this.#loaded = loaded),
        // Every evaluation until then has failed with a clear error; the next one tries again.
        () => undefined,
      )
      .finally(() => void (this.#reloading = undefined));
  }
}

async function instantiate(wasm: Uint8Array, data: object, maxPages: number): Promise<LoadedPolicy> {
  try {
    const loaded = await loadPolicy(wasm, { initial: Math.min(startPages, maxPages), maximum: maxPages });
    const unknown = functionsOutside(loaded).filter((name) => !outside.has(name));
    if (unknown.length > 0) throw new PolicyUnusable(`the policy calls ${unknown.join(', ')}, which cannot be had in a compiled policy: use other functions`);
    loaded.setData(data);
    return loaded;
  } catch (error) {
    if (error instanceof PolicyUnusable) throw error;
    throw new PolicyUnusable(`the policy module cannot be loaded with these rules: ${messageOf(error)}`);
  }
}

/** Names of the functions that the module expects of whoever runs it, as OPA's ABI tells them: an object in its memory. */
function functionsOutside({ wasmInstance, mem }: LoadedPolicy): string[] {
  const { builtins, opa_json_dump: dump } = wasmInstance.exports as Record<string, (...addresses: number[]) => number>;
  const bytes = new Uint8Array(mem.buffer);
  const start = dump!(builtins!());
  const text = String.fromCharCode(...bytes.subarray(start, bytes.indexOf(0, start)));
  return Object.keys(JSON.parse(text) as object);
}

/** The library throws texts and plain objects as well as errors. */
function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}
