import { messagePage } from './html.js';

/** What is answered to a browser. */
export type PageAnswer = { readonly status: number; readonly page: string } | { readonly status: 302 | 303; readonly location: string };

/** To the login, and from there to one of our pages. */
export function toLogin(path: string): PageAnswer {
  return { status: 303, location: `/approvals/login?back=${encodeURIComponent(path)}` };
}

/** `path`: where the form is. */
export function notOurs(path: string): PageAnswer {
  const way = { href: path, text: 'Open the page again' };
  return { status: 403, page: messagePage('Nothing was done', 'The form was not sent from this page and in this login, or was not whole.', way) };
}

export function unknownPage(): PageAnswer {
  return { status: 400, page: messagePage('Unknown page', 'The link is not whole: open it again from where you have it.') };
}

export function noSuchPage(): PageAnswer {
  return { status: 404, page: messagePage('Not found', 'There is no such page. Perhaps the link is not whole: open it again from where you have it.') };
}
