import { hash } from 'node:crypto';
import type { Approval } from '@customhouse/http-contract/approval';
import { forHtml } from '../../domain/markup.js';
import { visible } from '../../domain/rendering.js';

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
pre { padding: 1rem; border: 1px solid; border-radius: .4rem; overflow-x: auto; font: 14px/1.5 ui-monospace, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
textarea { width: 100%; box-sizing: border-box; font: inherit; }
button, a.button { font: inherit; padding: .4rem 1.2rem; margin-right: .5rem; }
.notice { padding: .6rem 1rem; border: 2px solid; border-radius: .4rem; font-weight: 600; }
`;

/** Nothing runs in these pages, nothing is loaded, nobody frames them, and forms go nowhere else. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'x-frame-options': 'DENY',
  // Nothing to other sites. Without any referrer browsers would not name the origin of our own forms either.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** What somebody who is logged in may do about a request. */
export interface Offer {
  readonly person: string;
  readonly csrf: string;
  readonly preview: string;
  readonly rendering: string;
  readonly complete: boolean;
  /** The rules want a login made for this decision, and this is none. */
  readonly loginNeeded: boolean;
  /** What came of what was asked for last. */
  readonly notice?: string;
}

/** One request: what would run, how far it has come, and the form to decide it. */
export function requestPage(approval: Approval, offer: Offer): string {
  const { terms, missing } = approval;
  const facts: readonly (readonly [string, string])[] = [
    ['Status', approval.status],
    ['Why it waits', approval.reason],
    ['Rules', approval.rules.join(', ')],
    ['Asked by', `${approval.person}, through ${approval.agent}`],
    ['Approved by', approval.approvers.join(', ') || 'nobody yet'],
    [
      'Still needed',
      [`${missing.people} of ${terms.quorum}`, ...missing.groups.filter((group) => group.missing > 0).map((group) => `${group.missing} of ${group.group}`)].join(', '),
    ],
    ['Expires', approval.expires],
    ...(approval.decision === null ? [] : [['Decision', approval.decision] as const]),
  ];
  return page(
    `${approval.server} ${approval.tool}`,
    `<h1>${shown(approval.agent)} wants to run ${shown(approval.tool)} on ${shown(approval.server)}</h1>
${offer.notice === undefined ? '' : `<p class="notice" role="status">${shown(offer.notice)}</p>`}
<dl>${facts.map(([name, value]) => `<dt>${shown(name)}</dt><dd>${shown(value)}</dd>`).join('')}</dl>
<h2>What runs when it is approved</h2>
<pre id="rendering">${forHtml(offer.rendering)}</pre>
${offer.complete ? '' : '<p class="notice">Not everything can be shown. What is hidden is named above, with its digest.</p>'}
${approval.status === 'open' ? decisionForm(approval, offer) : ''}
<form method="post" action="/approvals/logout"><input type="hidden" name="csrf" value="${forHtml(offer.csrf)}"><p>Logged in as ${shown(offer.person)}. <button>Log out</button></p></form>`,
  );
}

function decisionForm(approval: Approval, offer: Offer): string {
  const path = `/approvals/${approval.approval}`;
  const hidden = Object.entries({ csrf: offer.csrf, binding: approval.binding, preview: offer.preview });
  const approve = offer.loginNeeded
    ? `<a class="button" href="/approvals/login?fresh=true&amp;back=${path}">Log in again to approve</a>`
    : '<button name="verdict" value="approve">Approve</button>';
  return `<h2>Decide</h2>
${offer.loginNeeded ? '<p>This call needs a login that is made for this decision.</p>' : ''}
<form method="post" action="${path}/decision">
${hidden.map(([name, value]) => `<input type="hidden" name="${name}" value="${forHtml(value)}">`).join('\n')}
<p><label>Reason<br><textarea name="reason" rows="3" maxlength="1000"></textarea></label></p>
<p>${approve}<button name="verdict" value="deny">Deny</button></p>
</form>`;
}

/** A page with words for the person, and perhaps a way on. */
export function messagePage(title: string, message: string, way?: { readonly href: string; readonly text: string }): string {
  const on = way === undefined ? '' : `<p><a href="${forHtml(way.href)}">${shown(way.text)}</a></p>`;
  return page(title, `<h1>${shown(title)}</h1><p role="status">${shown(message)}</p>${on}`);
}

/** Asks whether an account of a chat belongs to the person who is logged in. */
export function linkPage(account: string, offer: { readonly person: string; readonly csrf: string; readonly token: string }): string {
  return page(
    'Link an account',
    `<h1>Link an account</h1>
<p>${shown(account)} would decide in the name of <strong>${shown(offer.person)}</strong> from now on. Go on only if you asked for this yourself and the account is yours.</p>
<form method="post" action="/approvals/link">
<input type="hidden" name="csrf" value="${forHtml(offer.csrf)}"><input type="hidden" name="token" value="${forHtml(offer.token)}">
<button>Link it</button>
</form>`,
  );
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${shown(title)} · Customhouse</title><style>${style}</style></head>
<body>${body}</body></html>
`;
}

function shown(text: string): string {
  return forHtml(visible(text));
}
