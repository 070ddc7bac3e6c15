import type { ApprovalDelegation } from '@customhouse/http-contract/approval';
import { form, outcomeNotice, pageFor, reasonField, shown, table, type LoggedIn, type Outcome } from './html.js';
import { older } from './lists-page.js';

export interface Delegated {
  readonly items: readonly ApprovalDelegation[];
  /** Query of what comes after it; null at the end. */
  readonly next: string | null;
  /** Groups of the person, which go with what they give. */
  readonly groups: readonly string[];
  /** Unix milliseconds. */
  readonly now: number;
  readonly outcome?: Outcome;
}

/** What this person gave to others and was given, and the form to give. */
export function delegationsPage(visitor: LoggedIn, { items, next, groups, now, outcome }: Delegated): string {
  const rows = items.map((row) => [
    shown(row.to),
    shown(row.from),
    shown(row.groups.join(', ') || 'none'),
    shown(row.expires),
    shown(row.reason),
    stateOf(row, now) === 'good' ? withdrawal(visitor, row) : shown(stateOf(row, now)),
  ]);
  const list =
    rows.length > 0
      ? table('What you gave and were given, the newest first.', ['May decide', 'In the place of', 'With the groups', 'Until', 'Reason', 'State'], rows)
      : '<p>Nothing is delegated.</p>';
  return pageFor(
    visitor,
    '/approvals/delegations',
    'Delegations',
    `<h1>Delegations</h1>
${outcomeNotice(outcome)}
${list}
${older('/approvals/delegations', next)}
<h2>Let somebody else decide in your place</h2>
<p>They may then decide what you may decide by your name and your groups (${shown(groups.join(', ') || 'none')}). What was delegated to you does not go with it.</p>
${form(visitor, '/approvals/delegations', {}, fields)}`,
  );
}

const fields = `<p><label>Who, by the name that they log in with<br><input type="text" name="to" required maxlength="256" autocomplete="off"></label></p>
<p><label>For how long <input type="number" name="amount" value="1" min="1" max="10000" required></label>
<select name="unit" aria-label="Unit of time"><option value="days">days</option><option value="hours">hours</option></select></p>
${reasonField('reason', 'Reason')}
<p><button>Delegate</button></p>`;

function withdrawal(visitor: LoggedIn, { delegation, from, to }: ApprovalDelegation): string {
  // Several buttons with the same words: whoever does not see the row hears which it is.
  return form(visitor, `/approvals/delegations/${delegation}/withdraw`, {}, `<button aria-label="${shown(`Take back what ${to} may decide for ${from}`)}">Take back</button>`);
}

function stateOf({ revoked, expires }: ApprovalDelegation, now: number): 'good' | 'taken back' | 'expired' {
  if (revoked !== null) return 'taken back';
  return Date.parse(expires) <= now ? 'expired' : 'good';
}
