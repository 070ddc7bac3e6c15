import { isJsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { UpstreamAnswer } from '@customhouse/upstream/upstream';
import type { Page } from '../mcp/sessions/client-side.js';
import type { Hold, Waiter } from './hold.js';

/** What a client says of a page that its user was asked to visit. It decides nothing: who decides is who logs in on the page. */
export type Said = 'accept' | 'decline' | 'cancel';

/** The name of the question in a round of 2026-07-28; no server can give one of its own that name. */
export const confirmationKey = 'customhouse/confirmation';

/** Visits and states of one hold that are remembered; the oldest makes room. */
const kept = 100;
const plainName = /^[\w.-]{1,128}$/;

/** Whether whoever asked for the call may let it run, and nobody has decided yet. */
export function isConfirmable({ decision, state }: Hold): boolean {
  return decision.obligations.approve?.requester_confirms === true && state?.status === 'open';
}

/**
 * Asks the person behind a waiting client to confirm the call on the page at `url`, where the client declared that it can be asked so. `left`: the
 * request has ended with that, and the client comes back in another one.
 */
export function sendToPage(hold: Hold, waiter: Waiter, url: string, onSaid: (said: Said) => void): 'left' | 'waits' {
  waiter.sent = true;
  const { call } = waiter;
  const page: Page = {
    url,
    message: messageFor(hold, waiter),
    approval: hold.approval,
    until: Date.parse(hold.expires),
    onSaid,
    onHandedOut: (round) => void remember(hold.rounds, round),
  };
  const visit = call.client?.visit?.(page);
  if (visit === 'left') return 'left';
  if (visit === undefined) return 'waits';
  // A client is asked once: what it was asked for an earlier identical call is taken back.
  hold.visits.get(call.session.id)?.over();
  hold.visits.delete(call.session.id);
  if (hold.visits.size >= kept) {
    const [session, oldest] = hold.visits.entries().next().value!;
    oldest.over();
    hold.visits.delete(session);
  }
  hold.visits.set(call.session.id, visit);
  return 'waits';
}

/** It was decided: whoever was sent to the page need not go there any more. */
export function endVisits(hold: Hold): void {
  for (const visit of hold.visits.values()) visit.over();
  hold.visits.clear();
}

/** What a client answered; undefined for what is no answer to the question. */
export function saidIn(answer: UpstreamAnswer): Said | undefined {
  return 'result' in answer ? saidOf(answer.result) : undefined;
}

export function saidOf(result: unknown): Said | undefined {
  const action = isJsonObject(result) ? result['action'] : undefined;
  return action === 'accept' || action === 'decline' || action === 'cancel' ? action : undefined;
}

function remember(rounds: Set<string>, round: string): void {
  if (rounds.size >= kept) rounds.delete(rounds.values().next().value!);
  rounds.add(round);
}

/** What the person reads before they go there. Names that somebody could have made up to mislead them are left to the page, which writes out what cannot be seen. */
function messageFor({ expires, method }: Hold, { call }: Waiter): string {
  const { agent } = call.caller.principal;
  const who = plainName.test(agent) ? `The agent ${agent}` : 'An agent of yours';
  const what = plainName.test(call.asked.name) ? `${method} ${call.asked.name}` : method;
  return `${who} asks for ${what}, and the rules leave it to you to confirm that, until ${expires}. The page shows what would run; log in there to decide.`;
}
