import { Worker } from 'node:worker_threads';

/** Rego by file name. */
export type RegoModules = Readonly<Record<string, string>>;

/** Something that is wrong with Rego, and where. `row` and `col` count from 1. */
export interface RegoProblem {
  /** OPA's own word: `rego_parse_error`, `rego_type_error`, `rego_unsafe_var_error` … or `failed`. */
  readonly code: string;
  readonly message: string;
  readonly file?: string;
  readonly row?: number;
  readonly col?: number;
}

export interface RegoTest {
  readonly package: string;
  readonly name: string;
  readonly outcome: 'pass' | 'fail' | 'error' | 'skip';
  /** What went wrong, or what the test printed. */
  readonly message?: string;
  readonly file: string;
  readonly row: number;
  readonly ms: number;
}

export interface RegoTests {
  readonly tests: readonly RegoTest[];
  /** Per cent of the lines with rules that ran. */
  readonly coverage: number;
  /** By file: first and last row of what did not run. */
  readonly not_covered: Readonly<Record<string, readonly (readonly [number, number])[]>>;
}

/** The Rego was not accepted: `problems` says why, with places. */
export class RegoRefused extends Error {
  override readonly name = 'RegoRefused';
  constructor(readonly problems: readonly RegoProblem[]) {
    super(problems.map(lineOf).join('\n'));
  }
}

/** The compiler itself failed, took too long or was closed; the Rego may be good. */
export class RegoCompilerFailed extends Error {
  override readonly name = 'RegoCompilerFailed';
}

export interface RegoCompilerOptions {
  /** For one request. Default 30,000. */
  readonly timeout_ms?: number;
  /** Characters of all modules together. Default 4 Mi. */
  readonly max_characters?: number;
}

interface Answer {
  readonly version: string;
  readonly problems: readonly RegoProblem[];
  readonly wasm?: string;
  readonly tests?: readonly RegoTest[];
  readonly coverage?: number;
  readonly not_covered?: RegoTests['not_covered'];
  readonly formatted?: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (failure: RegoCompilerFailed) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * OPA's compiler and test runner in a thread of this process, with nothing installed (infra/rego has their source). The thread starts
 * with the first request and is thrown away when one takes too long. Modules that reach the network, the environment or a clock are
 * refused, because the same input must give the same decision for ever.
 */
export class RegoCompiler {
  #worker: Worker | undefined;
  #id = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #timeout_ms: number;
  readonly #characters: number;

  constructor(options: RegoCompilerOptions = {}) {
    this.#timeout_ms = options.timeout_ms ?? 30_000;
    this.#characters = options.max_characters ?? 4 * 2 ** 20;
  }

  /** WebAssembly that answers the entry points (`customhouse/decision`). The same modules give the same bytes. Rejects with RegoRefused or RegoCompilerFailed. */
  async compile(modules: RegoModules, entrypoints: readonly string[]): Promise<Uint8Array> {
    const { wasm } = await this.#ask({ do: 'compile', modules, entrypoints });
    return Buffer.from(wasm!, 'base64');
  }

  /** Runs the rules whose names begin with `test_`. Rejects like `compile`; a test that fails is an answer. */
  async test(modules: RegoModules, options: { readonly data?: object; readonly timeout_ms?: number } = {}): Promise<RegoTests> {
    const { tests = [], coverage = 0, not_covered = {} } = await this.#ask({ do: 'test', modules, data: options.data ?? {}, timeout_ms: options.timeout_ms ?? 5_000 });
    return { tests, coverage, not_covered };
  }

  /** The modules as `opa fmt` writes them. Rejects like `compile`. */
  async format(modules: RegoModules): Promise<RegoModules> {
    return (await this.#ask({ do: 'format', modules })).formatted ?? {};
  }

  /** The version of OPA, for example `1.22.2`. */
  async version(): Promise<string> {
    return (await this.#ask({ do: 'version' })).version;
  }

  async close(): Promise<void> {
    this.#giveUp('the compiler was closed');
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #ask(request: { readonly do: string; readonly modules?: RegoModules } & Record<string, unknown>): Promise<Answer> {
    const characters = Object.values(request.modules ?? {}).reduce((sum, text) => sum + text.length, 0);
    if (characters > this.#characters)
      throw new RegoRefused([{ code: 'too-large', message: `the modules have ${characters} characters together, and at most ${this.#characters} are compiled` }]);
    const answer = await this.#send(JSON.stringify(request));
    if (answer.problems.length > 0) throw new RegoRefused(answer.problems);
    return answer;
  }

  #send(request: string): Promise<Answer> {
    const worker = (this.#worker ??= this.#start());
    const id = (this.#id += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#discard(worker, `no answer within ${this.#timeout_ms} ms`), this.#timeout_ms);
      this.#waiting.set(id, { resolve, reject, timer });
      worker.ref();
      worker.postMessage({ id, request });
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('../compiler/worker.mjs', import.meta.url), { env: {} });
    worker.on('message', ({ id, answer, failure }: { id: number; answer?: string; failure?: string }) => {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) return;
      this.#waiting.delete(id);
      clearTimeout(waiting.timer);
      if (this.#waiting.size === 0) worker.unref();
      if (answer === undefined) waiting.reject(new RegoCompilerFailed(failure ?? 'the compiler gave no answer'));
      else waiting.resolve(JSON.parse(answer) as Answer);
    });
    worker.on('error', (error) => this.#discard(worker, error instanceof Error ? error.message : String(error)));
    worker.unref();
    return worker;
  }

  /** Whoever waits is told; the next request starts anew. */
  #discard(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#giveUp(why);
    void worker.terminate();
  }

  #giveUp(why: string): void {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new RegoCompilerFailed(`Rego could not be compiled: ${why}`));
    }
    this.#waiting.clear();
  }
}

function lineOf({ file, row, col, message }: RegoProblem): string {
  return file === undefined ? message : `${file}:${row}:${col}: ${message}`;
}
