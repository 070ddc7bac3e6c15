import type { HoldDesk } from '../../holds/hold-desk.js';
import { Failure } from '../failure.js';
import { Peers } from '../sessions/peers.js';
import { collect } from '../tasks/collect.js';
import type { FoundTask, Tasks } from '../tasks/tasks.js';
import { modernTask } from '../tasks/words.js';
import type { Posted } from './legacy.js';
import type { HeardTask } from './listeners.js';

/** Tasks that a stream can be about. What is no task of the caller's is left out, and so is what another replica works on: `elsewhere` says which one. */
export function heardTasks(
  tasks: Tasks,
  ids: readonly string[],
  { exchange, caller }: Posted,
  holds: HoldDesk,
): { readonly tasks: HeardTask[]; readonly elsewhere: string | undefined } {
  const heard: HeardTask[] = [];
  let elsewhere: string | undefined;
  for (const taskId of ids) {
    const found = findBy(() => tasks.find(taskId, caller, Peers.isForwarded(exchange.request)));
    if (found?.at === 'here') heard.push(present(taskId, found, holds));
    else if (found?.at === 'log') heard.push(recorded(taskId, found, holds));
    else if (found?.at === 'peer') elsewhere = found.url;
  }
  return { tasks: heard, elsewhere };
}

function present(taskId: string, found: Extract<FoundTask, { at: 'here' }>, holds: HoldDesk): HeardTask {
  const { task } = found;
  return {
    taskId,
    hear: (tell, signal) => {
      const show = (): void => {
        tell(modernTask(task.view()));
        if (task.over) collect(found, holds);
      };
      signal.addEventListener('abort', task.onChange(show));
      show();
    },
  };
}

/** Of a task that nobody here works on its end is heard, as soon as it is in the log. A client that hears nothing asks. */
function recorded(taskId: string, found: Extract<FoundTask, { at: 'log' }>, holds: HoldDesk): HeardTask {
  return {
    taskId,
    hear: (tell, signal) =>
      void found.view(signal).then(
        (view) => {
          if (signal.aborted) return;
          tell(modernTask(view));
          if (view.state.status === 'ended') collect(found, holds);
        },
        () => undefined,
      ),
  };
}

/** Undefined for an id that is none. */
function findBy(find: () => FoundTask): FoundTask | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
