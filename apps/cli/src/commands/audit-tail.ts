import { setTimeout as sleep } from 'node:timers/promises';
import { auditRoutes, type EventSummary } from '@customhouse/http-contract/audit';
import { CliProblem, type Exit } from '../problem.js';
import type { Session } from '../session.js';
import { visibleLine } from '../visible.js';

interface TailOptions {
  readonly type?: string;
  readonly after?: string;
  readonly count?: string;
}

/** Follows the ledger's events. Goes on after the last one when the connection breaks. */
export async function tail(session: Session, options: TailOptions): Promise<Exit> {
  const api = session.api('audit');
  const most = options.count === undefined ? Infinity : wholeNumber(options.count, '--count');
  let after = options.after === undefined ? undefined : wholeNumber(options.after, '--after');
  let printed = 0;
  for (let failures = 0; !session.signal.aborted;) {
    try {
      for await (const text of api.stream(auditRoutes.tail, { query: { after, type: options.type } })) {
        failures = 0;
        const event = JSON.parse(text) as EventSummary;
        after = event.number;
        session.terminal.item(event, () => `${event.time}  ${event.type.padEnd(24)}  ${visibleLine(event.call ?? event.subject)}  ${visibleLine(event.summary ?? '')}\n`);
        printed += 1;
        if (printed >= most) return 'ok';
      }
    } catch (error) {
      // Before the first event it is a wrong address or key, and trying again would hide that.
      if (!(error instanceof CliProblem) || error.exit !== 'unreachable' || after === undefined || failures >= 30) throw error;
      failures += 1;
      session.terminal.note(`${error.message}; trying again`);
    }
    await sleep(1_000, undefined, { signal: session.signal }).catch(() => undefined);
  }
  return 'interrupted';
}

function wholeNumber(text: string, option: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new CliProblem('usage', `${option} is "${text}": it must be a whole number`);
  return Number(text);
}
