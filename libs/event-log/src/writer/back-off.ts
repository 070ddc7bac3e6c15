/**
 * How long to wait before the next try. It doubles with every failure, and starts again from the first step only after the
 * log has worked for a while: an engine that fails at every other batch must not be tried at full speed.
 */
export class BackOff {
  private step = 0;
  private worksSince: number | undefined;

  constructor(private readonly limits: { readonly first_ms: number; readonly most_ms: number; readonly steady_ms: number } = { first_ms: 50, most_ms: 2000, steady_ms: 5000 }) {}

  worked(now: number): void {
    this.worksSince ??= now;
    if (now - this.worksSince >= this.limits.steady_ms) this.step = 0;
  }

  /** Milliseconds to wait now. `random` from 0 to 1 spreads many clients that failed together. */
  failed(now: number, random: number): number {
    if (this.worksSince !== undefined && now - this.worksSince >= this.limits.steady_ms) this.step = 0;
    this.worksSince = undefined;
    const wait_ms = Math.min(this.limits.first_ms * 2 ** this.step, this.limits.most_ms);
    this.step += 1;
    return wait_ms * (0.5 + random / 2);
  }
}
