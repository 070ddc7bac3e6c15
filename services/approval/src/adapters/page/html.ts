import { hash } from 'node:crypto';
import { forHtml } from '../../domain/markup.js';
import { visible } from '../../domain/rendering.js';

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; padding: .6rem 0; border-bottom: 1px solid; }
nav a[aria-current] { font-weight: 600; text-decoration: none; }
footer { margin-top: 2rem; border-top: 1px solid; }
.skip:not(:focus) { position: absolute; left: -100rem; }
pre { padding: 1rem; border: 1px solid; border-radius: .4rem; overflow-x: auto; font: 14px/1.5 ui-monospace, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; padding: .4rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid; overflow-wrap: anywhere; }
fieldset { border: 1px solid; border-radius: .4rem; }
textarea, input[type=text] { width: 100%; box-sizing: border-box; font: inherit; }
input, select { font: inherit; }
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

/** Whoever is logged in, and what goes into every form of theirs. */
export interface LoggedIn {
  readonly person: string;
  readonly csrf: string;
  /** They are no approver, and are shown what they may confirm and nothing else. */
  readonly onlyOwn: boolean;
}

/** What came of what was asked for last. */
export interface Outcome {
  readonly refused: boolean;
  readonly words: string;
}

const places = [
  ['/approvals', 'Waiting'],
  ['/approvals/reviews', 'To be reviewed'],
  ['/approvals/delegations', 'Delegations'],
] as const;

/** A page for somebody who is logged in: with the way to the others and out. `here`: its path. `body`: markup. */
export function pageFor(visitor: LoggedIn, here: string, title: string, body: string): string {
  const open = visitor.onlyOwn ? places.slice(0, 1) : places;
  const links = open.map(([path, name]) => `<a href="${path}"${path === here ? ' aria-current="page"' : ''}>${name}</a>`).join('');
  return page(
    title,
    `<a class="skip" href="#content">Skip to the content</a>
<nav aria-label="Approvals">${links}</nav>
<main id="content" tabindex="-1">${body}</main>
<footer>${form(visitor, '/approvals/logout', {}, `<p>Logged in as ${shown(visitor.person)}. <button>Log out</button></p>`)}</footer>`,
  );
}

/** A page with words for the person, and perhaps a way on. */
export function messagePage(title: string, message: string, way?: { readonly href: string; readonly text: string }): string {
  const on = way === undefined ? '' : `<p><a href="${forHtml(way.href)}">${shown(way.text)}</a></p>`;
  return page(title, `<main><h1>${shown(title)}</h1><p role="status">${shown(message)}</p>${on}</main>`);
}

/** Asks whether an account of a chat belongs to the person who is logged in. */
export function linkPage(account: string, visitor: Omit<LoggedIn, 'onlyOwn'> & { readonly token: string }): string {
  return page(
    'Link an account',
    `<main><h1>Link an account</h1>
<p>${shown(account)} would decide in the name of <strong>${shown(visitor.person)}</strong> from now on. Go on only if you asked for this yourself and the account is yours.</p>
${form(visitor, '/approvals/link', { token: visitor.token }, '<button>Link it</button>')}</main>`,
  );
}

/** A form that comes back to us. `fields`: what it brings back unseen. `body`: markup. */
export function form({ csrf }: Pick<LoggedIn, 'csrf'>, action: string, fields: Readonly<Record<string, string>>, body: string): string {
  const hidden = Object.entries({ csrf, ...fields }).map(([name, value]) => `<input type="hidden" name="${name}" value="${forHtml(value)}">`);
  return `<form method="post" action="${action}">${hidden.join('')}\n${body}\n</form>`;
}

/** `hint`: what it is asked for. */
export function reasonField(name: string, hint: string, required = false): string {
  return `<p><label>${shown(hint)}<br><textarea name="${name}" rows="3" maxlength="1000"${required ? ' required' : ''}></textarea></label></p>`;
}

export function outcomeNotice(outcome: Outcome | undefined): string {
  return outcome === undefined ? '' : `<p class="notice" role="${outcome.refused ? 'alert' : 'status'}">${shown(outcome.words)}</p>`;
}

export function factList(facts: readonly (readonly [string, string])[]): string {
  return `<dl>${facts.map(([name, value]) => `<dt>${shown(name)}</dt><dd>${shown(value)}</dd>`).join('')}</dl>`;
}

/** `rows`: markup of the cells; the first names the row. */
export function table(caption: string, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = columns.map((column) => `<th scope="col">${shown(column)}</th>`).join('');
  const body = rows.map(([first, ...others]) => `<tr><th scope="row">${first}</th>${others.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n');
  return `<table><caption>${shown(caption)}</caption><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}

/** Text of a page, with what cannot be seen written out. */
export function shown(text: string): string {
  return forHtml(visible(text));
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${shown(title)} · Customhouse</title><style>${style}</style></head>
<body>${body}</body></html>
`;
}
