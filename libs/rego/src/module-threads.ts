import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import type { RemoteModule } from '@customhouse/policy-engine/remote-policy';
import { EvaluationFailed, NotInTime, PolicyUnusable } from '@customhouse/policy-engine/policy-module';

export interface ThreadLimits {
  /** Of the processor's time for one evaluation, and ten times that by the clock; then its thread is thrown away. Default 100. */
  readonly timeout_ms?: number;
  /** Evaluations at once. Default 2. */
  readonly threads?: number;
  /** Evaluations that may wait for their turn; more are refused. Default 256. */
  readonly queue?: number;
  /** For one to get its turn. Default 1,000. */
  readonly wait_ms?: number;
}

interface Work {
  readonly entrypoint: string;
  readonly question: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout;
  /** `performance.now()` of when a thread began with it. */
  begun: number;
}

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  ready: boolean;
  work: Work | undefined;
  resting: NodeJS.Timeout | undefined;
  /** Microseconds of the processor that it had used when it last said something. */
  cpu_us: number;
}

type Said = { readonly cpu_us: number } & ({ readonly ready: Ready } | { readonly unusable: string } | { readonly result: unknown } | { readonly failure: string });
type Ready = { readonly entrypoints: readonly string[]; readonly arguments: unknown };

/** For a thread to load its module. Much more than that takes on a busy machine. */
const start_ms = 10_000;
const rest_ms = 1_000;
/** A machine that has other things to do lets a thread wait. By the clock an evaluation may take so many times its limit. */
const busyMachine = 10;

/**
 * Threads that evaluate one module, each one question at a time. A thread that takes too long over one is ended and another takes its
 * place, because nothing else ends a loop in WebAssembly; meanwhile the others go on, and this thread has never stopped.
 */
export class ModuleThreads implements RemoteModule {
  readonly entrypoints: ReadonlySet<string>;
  readonly arguments: unknown;
  readonly #threads = new Set<Thread>();
  readonly #waiting = new Set<Work>();
  #closed = false;

  private constructor(
    private readonly start: () => Thread,
    first: Thread,
    { entrypoints, arguments: asked }: Ready,
    private readonly limits: Required<ThreadLimits>,
  ) {
    this.entrypoints = new Set(entrypoints);
    this.arguments = asked;
    this.#take(first);
    while (this.#threads.size < limits.threads) this.#take(start());
  }

  /** Rejects with PolicyUnusable, also when the module does not say in time which arguments it looks at. `pages`: of memory, at most, for each thread. */
  static async load(wasm: Uint8Array, data: object, pages: { readonly initial: number; readonly maximum: number }, given: ThreadLimits = {}): Promise<ModuleThreads> {
    const limits = { timeout_ms: given.timeout_ms ?? 100, threads: given.threads ?? 2, queue: given.queue ?? 256, wait_ms: given.wait_ms ?? 1_000 };
    const start = (): Thread => startThread({ wasm, data, pages });
    const first = start();
    try {
      return new ModuleThreads(start, first, await readiness(first), limits);
    } catch (error) {
      void first.worker.terminate();
      throw error;
    }
  }

  evaluate(entrypoint: string, question: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size >= this.limits.queue) return reject(busy(`${this.#waiting.size} other questions wait for it already`));
      const timer = setTimeout(() => {
        this.#waiting.delete(work);
        reject(busy(`it had no time for the question within ${this.limits.wait_ms} ms`));
      }, this.limits.wait_ms);
      const work: Work = { entrypoint, question: JSON.stringify(question), resolve, reject, timer, begun: 0 };
      this.#waiting.add(work);
      this.#next();
    });
  }

  /** Threads end when they have had nothing to do for a second. */
  close(): void {
    this.#closed = true;
    for (const thread of this.#threads) this.#rest(thread);
  }

  #take(thread: Thread): void {
    this.#threads.add(thread);
    thread.port.on('message', (said: Said) => this.#heard(thread, said));
    thread.worker.on('error', (error) => this.#lost(thread, error instanceof Error ? error.message : String(error)));
    thread.worker.on('exit', () => this.#lost(thread, 'its thread has ended'));
    // Whoever waits has a timer; a thread alone keeps no process alive.
    thread.port.unref();
    thread.worker.unref();
  }

  /** Gives what waits to who has time. */
  #next(): void {
    for (const work of this.#waiting) {
      const thread = [...this.#threads].find((one) => one.ready && one.work === undefined);
      if (thread === undefined) break;
      this.#waiting.delete(work);
      clearTimeout(work.timer);
      clearTimeout(thread.resting);
      thread.work = work;
      work.begun = performance.now();
      work.timer = setTimeout(() => this.#late(thread, work), this.limits.timeout_ms);
      thread.port.postMessage({ entrypoint: work.entrypoint, question: work.question });
    }
    // Threads that were lost are replaced when they are needed.
    const wanted = Math.min(this.limits.threads, this.#waiting.size);
    for (let idle = this.#threads.size - this.#busy; idle < wanted && this.#threads.size < this.limits.threads; idle += 1) this.#take(this.start());
  }

  get #busy(): number {
    let busy = 0;
    for (const { work } of this.#threads) if (work !== undefined) busy += 1;
    return busy;
  }

  #heard(thread: Thread, said: Said): void {
    thread.cpu_us = said.cpu_us;
    if ('unusable' in said) return this.#lost(thread, said.unusable);
    if ('ready' in said) thread.ready = true;
    else this.#settle(thread, (work) => ('result' in said ? work.resolve(said.result) : work.reject(new EvaluationFailed(said.failure))));
    this.#next();
    this.#rest(thread);
  }

  /** Of a version that was replaced, which somebody may still be asking one question after the other. */
  #rest(thread: Thread): void {
    if (!this.#closed || thread.work !== undefined) return;
    clearTimeout(thread.resting);
    thread.resting = setTimeout(() => this.#end(thread), rest_ms).unref();
  }

  #settle(thread: Thread, end: (work: Work) => void): void {
    const { work } = thread;
    thread.work = undefined;
    if (work === undefined) return;
    clearTimeout(work.timer);
    end(work);
  }

  /** The time is over by the clock. Whether the thread has had it, or waited for a processor, is asked. */
  #late(thread: Thread, work: Work): void {
    const said = receiveMessageOnPort(thread.port);
    // The answer has come while this thread was busy itself.
    if (said !== undefined) return this.#heard(thread, said.message as Said);
    const { timeout_ms } = this.limits;
    const byClock_ms = work.begun + busyMachine * timeout_ms - performance.now();
    if (byClock_ms <= 0) return this.#overrun(thread);
    work.timer = setTimeout(() => this.#late(thread, work), byClock_ms);
    const decided = ({ user, system }: NodeJS.CpuUsage): void => {
      if (thread.work !== work) return;
      const left_ms = timeout_ms - (user + system - thread.cpu_us) / 1_000;
      if (left_ms <= 0) return this.#overrun(thread);
      clearTimeout(work.timer);
      work.timer = setTimeout(() => this.#late(thread, work), Math.min(byClock_ms, Math.max(1, left_ms)));
    };
    // A thread that has ended says nothing, and is known to have ended.
    thread.worker.cpuUsage().then(decided, () => undefined);
  }

  #overrun(thread: Thread): void {
    this.#end(thread);
    const message = `The Rego of this version took longer than ${this.limits.timeout_ms} ms over the call, so the call is refused. Tell the administrator.`;
    this.#settle(thread, (work) => work.reject(new NotInTime('policy-timeout', message)));
    if (!this.#closed) this.#take(this.start());
    this.#next();
  }

  #lost(thread: Thread, why: string): void {
    if (!this.#threads.has(thread)) return;
    this.#end(thread);
    this.#settle(thread, (work) => work.reject(new EvaluationFailed(`${work.entrypoint} failed: ${why}`)));
    this.#next();
  }

  #end(thread: Thread): void {
    clearTimeout(thread.resting);
    this.#threads.delete(thread);
    thread.port.close();
    void thread.worker.terminate();
  }
}

function startThread(data: { readonly wasm: Uint8Array; readonly data: object; readonly pages: object }): Thread {
  const { port1: port, port2 } = new MessageChannel();
  const worker = new Worker(new URL('../evaluation/worker.mjs', import.meta.url), {
    env: {},
    workerData: { ...data, port: port2 },
    transferList: [port2],
    resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 },
  });
  return { worker, port, ready: false, work: undefined, resting: undefined, cpu_us: 0 };
}

/** What the first thread says of the module. */
function readiness(thread: Thread): Promise<Ready> {
  return new Promise<Ready>((resolve, reject) => {
    const unusable = (why: string): void => reject(new PolicyUnusable(`the Rego of this version cannot be used: ${why}`));
    const timer = setTimeout(() => unusable(`it does not say within ${start_ms} ms which arguments it looks at`), start_ms);
    thread.worker.once('error', (error) => unusable(error instanceof Error ? error.message : String(error)));
    thread.port.once('message', (said: Said) => {
      if (!('ready' in said)) return unusable('unusable' in said ? said.unusable : 'its thread did not begin');
      clearTimeout(timer);
      thread.ready = true;
      thread.cpu_us = said.cpu_us;
      resolve(said.ready);
    });
  });
}

function busy(why: string): NotInTime {
  return new NotInTime('policy-busy', `The Rego of this version could not be asked, because ${why}; so the call is refused. Try again shortly.`);
}
