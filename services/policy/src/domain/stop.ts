import type { Stop, StopTarget } from '@customhouse/policy-contract/stops';

/** Whether one target is stopped: three pure functions over the events of its stream. */
export type State = Stop | null;

export type StopEvent =
  | { readonly type: 'policy.stop.ordered'; readonly data: Stop }
  | { readonly type: 'policy.stop.lifted'; readonly data: StopTarget & { readonly reason: string; readonly by: string } };

export interface Command {
  readonly do: 'order' | 'lift';
  readonly target: StopTarget;
  readonly reason: string;
  readonly by: string;
}

export class LiftRefused extends Error {
  override readonly name = 'LiftRefused';
}

export const initial: State = null;

/** Throws LiftRefused. No events: it is stopped already, and the reason that was given first stays. */
export function decide({ do: what, target, reason, by }: Command, stop: State): readonly StopEvent[] {
  const data = { kind: target.kind, name: target.name, reason, by };
  if (what === 'order') return stop === null ? [{ type: 'policy.stop.ordered', data }] : [];
  if (stop === null) throw new LiftRefused(`${target.kind} "${target.name}" is not stopped: look at the list of stops for the name`);
  return [{ type: 'policy.stop.lifted', data }];
}

export function evolve(_: State, event: StopEvent): State {
  return event.type === 'policy.stop.ordered' ? event.data : null;
}
