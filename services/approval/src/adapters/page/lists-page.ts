import type { Approval } from '@customhouse/http-contract/approval';
import { progressText } from '../../domain/progress.js';
import type { Listed } from '../standings.js';
import { pageFor, shown, table, type LoggedIn } from './html.js';
import { askedText } from './request-page.js';

/** Some of a list, and the query of what comes after it; null at the end. */
export interface Part {
  readonly items: readonly Listed[];
  readonly next: string | null;
}

const notApprover = 'You decide about no calls of others: by your login you are in no group that may. Calls of your own that you may confirm are listed here.';

/** Requests that wait. `all`: also those that this person does not decide about. */
export function waitingPage(visitor: LoggedIn, { items, next }: Part, all: boolean): string {
  const way = all ? '<a href="/approvals">Only what you decide about</a>' : '<a href="/approvals?show=all">Everything that waits</a>';
  const other = visitor.onlyOwn ? shown(notApprover) : way;
  const rows = items.map(({ approval, standing }) => [
    callLink(approval),
    shown(`${approval.person}, through ${approval.agent}`),
    shown(approval.reason),
    shown([progressText(approval), askedText(approval.terms)].filter((words) => words !== '').join('; ')),
    shown(approval.expires),
    shown(standing.approved ? 'you have approved' : standing.decides ? 'you may decide' : standing.own === undefined ? 'others decide' : 'your own call'),
  ]);
  const list =
    rows.length > 0
      ? table('Calls that wait for people, the newest first.', ['Call', 'Asked by', 'Why it waits', 'What it waits for', 'Expires', 'You'], rows)
      : `<p>${nothingText(all, next)}</p>`;
  return pageFor(visitor, '/approvals', 'Waiting', `<h1>Waiting for a decision</h1>\n<p>${other}</p>\n${list}\n${older('/approvals', next)}`);
}

/** What one person let run alone and nobody has reviewed. */
export function reviewsPage(visitor: LoggedIn, { items, next }: Part): string {
  const rows = items.map(({ approval, standing }) => [
    callLink(approval),
    shown(approval.break_glass?.by ?? ''),
    shown(approval.break_glass?.reason ?? ''),
    shown(approval.break_glass?.review_by ?? ''),
    shown(standing.reviews ? 'you may review it' : 'somebody else has to'),
  ]);
  const list =
    rows.length > 0
      ? table('Calls that one person let run alone, the newest first.', ['Call', 'Let run by', 'Why', 'Review until', 'You'], rows)
      : '<p>Nothing waits for a review.</p>';
  return pageFor(visitor, '/approvals/reviews', 'To be reviewed', `<h1>To be reviewed</h1>\n${list}\n${older('/approvals/reviews', next)}`);
}

/** The way to what comes after a part of a list. */
export function older(path: string, next: string | null): string {
  return next === null ? '' : `<p><a rel="next" href="${path}?${shown(next)}">Older ones</a></p>`;
}

function nothingText(all: boolean, next: string | null): string {
  if (next !== null) return 'None of the newest requests waits for your decision. Older ones may.';
  return all ? 'Nothing waits for a decision.' : 'Nothing waits for your decision.';
}

function callLink({ approval, tool, server }: Approval): string {
  return `<a href="/approvals/${approval}">${shown(`${tool} on ${server}`)}</a>`;
}
