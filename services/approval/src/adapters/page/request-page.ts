import type { ApprovalDetail } from '@customhouse/http-contract/approval';
import { forHtml } from '../../domain/markup.js';
import { progressText } from '../../domain/progress.js';
import type { Standing } from '../../domain/standing.js';
import { factList, form, outcomeNotice, pageFor, reasonField, shown, type LoggedIn, type Outcome } from './html.js';

/** What somebody who is logged in may do about a request. */
export interface Offer {
  readonly visitor: LoggedIn;
  readonly standing: Standing;
  /** The login was made for this request, and lately. */
  readonly fresh: boolean;
  readonly outcome?: Outcome;
}

/** One request: what would run, how far it has come, and forms for whatever this person can do about it. */
export function requestPage(approval: ApprovalDetail, { visitor, standing, fresh, outcome }: Offer): string {
  const { agent, server, tool } = approval;
  const parts = [
    ...(approval.status === 'open' ? [decision(approval, visitor, standing, fresh)] : []),
    ...(standing.breaksGlass ? [emergency(approval, visitor, fresh)] : []),
    ...(standing.withdraws ? [withdrawal(approval, visitor)] : []),
    ...(standing.reviews ? [review(approval, visitor)] : []),
  ];
  return pageFor(
    visitor,
    pathOf(approval),
    `${server} ${tool}`,
    `<h1>${shown(agent)} wants to run ${shown(tool)} on ${shown(server)}</h1>
${outcomeNotice(outcome)}
${factList(factsOf(approval))}
<h2>What runs when it is approved</h2>
<pre id="rendering">${forHtml(approval.rendering)}</pre>
${approval.complete ? '' : '<p class="notice">Not everything can be shown. What is hidden is named above, with its digest.</p>'}
${parts.join('\n')}`,
  );
}

/** What is asked of the approvers, beside how many they are; empty: nothing. */
export function askedText({ approvers = [], fresh_login, requester_confirms, escalate, break_glass }: ApprovalDetail['terms']): string {
  const among = approvers.map(({ people = [], groups = [] }) => `among ${[...people, ...groups.map((group) => `members of ${group}`)].join(', ')}`);
  return [
    ...among,
    ...(fresh_login === true ? ['with a login made for it'] : []),
    ...(requester_confirms === true ? ['or whoever asked, with a login made for it'] : []),
    ...(escalate === undefined ? [] : [`after ${escalate.after_s} s also members of ${escalate.groups.join(', ')}`]),
    ...(break_glass === undefined ? [] : [`in an emergency one of ${break_glass.groups.join(', ')} alone`]),
  ].join('; ');
}

function factsOf(approval: ApprovalDetail): readonly (readonly [string, string])[] {
  const { status, reason, rules, person, agent, owner, terms, escalated, expires, decision: words, break_glass: glass } = approval;
  const asked = askedText(terms);
  return [
    ['Status', status],
    ['Why it waits', reason],
    ['Rules', rules.join(', ')],
    ['Asked by', `${person}, through ${agent}${owner === null ? '' : `, which belongs to ${owner}`}`],
    ['So far', progressText(approval)],
    ...(asked === '' ? [] : [['Who decides', asked] as const]),
    ...(escalated === null ? [] : [['Others asked', escalated] as const]),
    ['Expires', expires],
    ...(words === null ? [] : [['Decision', words] as const]),
    ...(glass === null ? [] : [['Let run alone', `by ${glass.by}: ${glass.reason}`] as const]),
    ...(glass === null ? [] : [['Review', reviewText(glass)] as const]),
  ];
}

function reviewText({ review: done, review_by }: NonNullable<ApprovalDetail['break_glass']>): string {
  if (done === null) return `somebody else has to review it until ${review_by}`;
  return `${done.verdict}, says ${done.by}${done.comment === '' ? '' : `: ${done.comment}`}`;
}

function decision(approval: ApprovalDetail, visitor: LoggedIn, { decides, approved, confirms, own }: Standing, fresh: boolean): string {
  const heading = '<h2>Decide</h2>';
  if (!decides) return `${heading}<p>${shown(own ?? 'The rules ask others to decide about this call.')}</p>`;
  const loginNeeded = (approval.terms.fresh_login === true || confirms) && !fresh;
  const approve = loginNeeded ? loginLink(approval, 'Log in again to approve') : '<button name="verdict" value="approve">Approve</button>';
  return `${heading}
${approved ? '<p>You have approved. While others have not, you may still deny.</p>' : ''}
${loginNeeded ? '<p>This call needs a login that is made for this decision.</p>' : ''}
${form(visitor, `${pathOf(approval)}/decision`, readBy(approval), `${reasonField('reason', 'Reason')}\n<p>${approve}<button name="verdict" value="deny">Deny</button></p>`)}`;
}

function emergency(approval: ApprovalDetail, visitor: LoggedIn, fresh: boolean): string {
  const words = '<p>You may let this call run on your word alone. That is recorded, and somebody else has to review it.</p>';
  const how = fresh
    ? form(
        visitor,
        `${pathOf(approval)}/break-glass`,
        readBy(approval),
        `${reasonField('reason', 'Why can it not wait for the others?', true)}\n<p><button>Let it run alone</button></p>`,
      )
    : `<p>${loginLink(approval, 'Log in again to let it run alone')}</p>`;
  return `<h2>In an emergency</h2>\n${words}\n${how}`;
}

function withdrawal(approval: ApprovalDetail, visitor: LoggedIn): string {
  return `<h2>Withdraw</h2>\n${form(visitor, `${pathOf(approval)}/cancel`, {}, `${reasonField('reason', 'Why is it not wanted any more?')}\n<p><button>Withdraw it</button></p>`)}`;
}

function review(approval: ApprovalDetail, visitor: LoggedIn): string {
  const choice = (verdict: string, words: string) => `<p><label><input type="radio" name="verdict" value="${verdict}" required> ${words}</label></p>`;
  const verdicts = `<fieldset><legend>Was it right to let this call run alone?</legend>${choice('justified', 'It was justified')}${choice('unjustified', 'It was not justified')}</fieldset>`;
  return `<h2>Review</h2>\n${form(visitor, `${pathOf(approval)}/review`, {}, `${verdicts}\n${reasonField('comment', 'Comment')}\n<p><button>Record the review</button></p>`)}`;
}

/** What comes back with a form: for which call it was, and what was shown. */
function readBy({ binding, preview }: ApprovalDetail): Readonly<Record<string, string>> {
  return { binding, preview };
}

function loginLink(approval: ApprovalDetail, words: string): string {
  return `<a class="button" href="/approvals/login?fresh=true&amp;back=${pathOf(approval)}">${words}</a>`;
}

function pathOf({ approval }: Pick<ApprovalDetail, 'approval'>): string {
  return `/approvals/${approval}`;
}
