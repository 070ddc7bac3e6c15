import type { HoldDesk } from '../../holds/hold-desk.js';
import type { FoundTask } from './tasks.js';

/** A client has the end of a task: of a held call, an identical one is a new one from now on. */
export function collect(found: Exclude<FoundTask, { at: 'peer' }>, holds: HoldDesk): void {
  if (found.at === 'here') found.task.collected();
  else holds.collectedFromLog(found.call);
}

/** A client gives up a task. False when nobody knows of anything that could be given up. */
export function abandon(found: Exclude<FoundTask, { at: 'peer' }>, holds: HoldDesk): boolean {
  if (found.at === 'log') return holds.withdraw(found.call);
  found.task.abandon();
  return true;
}
