/** One that waits for its turn. */
interface Waiting {
  readonly enter: () => void;
  readonly refuse: (why: 'full' | 'late' | 'cancelled') => void;
  /** `performance.now()` by which it must have its turn. */
  readonly due: number;
  readonly cancelled: () => boolean;
}

export class NoTurn extends Error {
  override readonly name = 'NoTurn';
  constructor(readonly why: 'full' | 'late' | 'cancelled') {
    super(
      {
        full: 'too many calls are waiting for this server already',
        late: 'the call did not get its turn at the server in time',
        cancelled: 'the call was cancelled while it waited',
      }[why],
    );
  }
}

/**
 * So many at once, and a bounded queue before it, in order. Whoever's time is over while waiting is let go by `sweep`, which its owner
 * calls now and then: no timer for each call.
 */
export class Gate {
  #inside = 0;
  #queue: Waiting[] = [];

  constructor(
    private readonly places: number,
    private readonly queueLength: number,
  ) {}

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Takes a place if one is free. */
  tryEnter(): boolean {
    if (this.#inside >= this.places || this.#queue.length > 0) return false;
    this.#inside += 1;
    return true;
  }

  /** Waits for a place. Rejects with NoTurn. */
  wait(due: number, cancelled: () => boolean): Promise<void> {
    return new Promise((enter, reject) => {
      if (this.#queue.length >= this.queueLength) return reject(new NoTurn('full'));
      this.#queue.push({ enter, refuse: (why) => reject(new NoTurn(why)), due, cancelled });
    });
  }

  leave(now: number): void {
    this.#inside -= 1;
    while (this.#inside < this.places) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (next.cancelled()) next.refuse('cancelled');
      else if (next.due <= now) next.refuse('late');
      else {
        this.#inside += 1;
        next.enter();
      }
    }
  }

  /** Lets those go whose time is over, or who no longer want a turn. */
  sweep(now: number): void {
    if (this.#queue.length === 0) return;
    const kept: Waiting[] = [];
    for (const waiting of this.#queue) {
      if (waiting.cancelled()) waiting.refuse('cancelled');
      else if (waiting.due <= now) waiting.refuse('late');
      else kept.push(waiting);
    }
    this.#queue = kept;
  }
}
