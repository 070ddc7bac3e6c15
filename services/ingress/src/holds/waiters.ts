import { notificationText } from '@customhouse/mcp-wire/messages';
import { pendingReply } from '../mcp/answers/reply.js';
import type { TaskTerms } from '../mcp/tasks/task.js';
import type { Hold, Waiter } from './hold.js';

export interface WaitingOptions {
  readonly hold_ms: number;
  readonly holdWithProgress_ms: number;
  readonly keepAlive_ms: number;
  /** How often a client whose call is held as a task is asked to look. */
  readonly holdPoll_ms: number;
  /** Where people decide: of the approval service. Undefined where that has no page. */
  readonly approvalsUrl: string | undefined;
}

/** The page on which people decide about a held call, where there is one. */
export function linkTo({ approval }: Hold, { approvalsUrl }: WaitingOptions): string | undefined {
  return approvalsUrl === undefined ? undefined : `${approvalsUrl}/approvals/${approval}`;
}

/** A held call as a task. */
export function taskTermsOf(hold: Hold, options: WaitingOptions, abandon: () => void): TaskTerms {
  const { call, method, position, approval, expires } = hold;
  const link = linkTo(hold, options);
  const message = `a person has to approve the call, until ${expires}${link === undefined ? '' : `, at ${link}`}; approval ${approval}`;
  return { call, method, position, ttl_ms: Math.max(0, Date.parse(expires) - Date.now()), poll_ms: options.holdPoll_ms, message, abandon };
}

/** Shows a client that waits on a stream that it still does, until its time is over. */
export function keepWaiting(hold: Hold, waiter: Waiter, now: number, options: WaitingOptions): void {
  const { exchange, call, asTask } = waiter;
  // Whoever was asked something by the running call comes back with the answer.
  if (asTask || call.client?.away === true) return;
  if (now >= waiter.until) return answerPending(hold, waiter, options);
  const { progressToken } = call.asked;
  if (progressToken === undefined) return exchange.keepAlive(now, options.keepAlive_ms);
  if (exchange.silence(now) < options.keepAlive_ms) return;
  waiter.steps += 1;
  exchange.notify(notificationText('notifications/progress', { progressToken, progress: waiter.steps, message: 'waiting for a person to approve the call' }), now);
}

/** This process stops. What comes of a task is found in the log by whichever process its client asks next. */
export function turnAway(hold: Hold, waiter: Waiter, options: WaitingOptions): void {
  if (waiter.asTask) waiter.done();
  else answerPending(hold, waiter, options);
}

/** The client waits no longer, and may come back with the identical call. */
export function answerPending(hold: Hold, waiter: Waiter, options: WaitingOptions): void {
  const about = { id: hold.call, method: hold.method };
  waiter.call.reply(pendingReply(about, hold.decision, { id: hold.approval, expires: hold.expires, link: linkTo(hold, options) }));
  waiter.done();
}
