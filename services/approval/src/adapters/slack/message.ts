import type { KnownBlock, View } from '@slack/web-api';
import type { Approval, ApprovalDetail } from '@customhouse/http-contract/approval';
import { forSlack, forSlackWithin, slackCodeBlocks } from '../../domain/markup.js';
import { progressText } from '../../domain/progress.js';

/** Limits of Slack (https://docs.slack.dev/reference/block-kit/blocks), with something to spare. */
const limits = { section: 2_900, sections: 8, header: 140, field: 1_900, words: 2_800, metadata: 3_000 };

/** What a click or a dialog brings back: what was shown for which call. */
export interface Shown {
  readonly approval: string;
  readonly preview: string;
  readonly binding: string;
}

export interface SlackMessage {
  /** For notifications and screen readers. */
  readonly text: string;
  readonly blocks: KnownBlock[];
  /** SHA-256 of what is shown; null when not all of it is, and nobody may approve by this message. */
  readonly preview: string | null;
}

/** The message about a request, as it is now. `link`: of its page. */
export function requestMessage(approval: ApprovalDetail, link: string, showArguments: boolean): SlackMessage {
  const text = `${forSlack(approval.agent)} wants to run ${forSlack(approval.tool)} on ${forSlack(approval.server)}`;
  const heading: KnownBlock = { type: 'header', text: plain(`${approval.agent} wants to run ${approval.tool}`, limits.header) };
  const facts: KnownBlock = {
    type: 'section',
    fields: [
      ...fact('Server', approval.server),
      ...fact('Asked by', approval.person),
      ...fact('Rules', approval.rules.join(', ')),
      ...fact(approval.status === 'open' ? 'Expires' : 'Status', approval.status === 'open' ? approval.expires : approval.status),
    ],
  };
  const reason: KnownBlock = { type: 'section', text: plain(approval.reason || 'No reason was given.', limits.words) };
  if (approval.status !== 'open') {
    return {
      text: `${text}: ${approval.status}`,
      blocks: [heading, facts, { type: 'section', text: plain(outcomeOf(approval), limits.words) }, actions([details(link)])],
      preview: null,
    };
  }
  const code = showArguments ? slackCodeBlocks(approval.rendering, limits.section, limits.sections) : undefined;
  const shown = (code ?? []).map((block): KnownBlock => ({ type: 'section', text: { type: 'mrkdwn', text: block, verbatim: true } }));
  const note = noteOf(approval, code !== undefined, showArguments);
  const approvable = code !== undefined && approval.terms.fresh_login !== true;
  const value = JSON.stringify({ approval: approval.approval, preview: approval.preview, binding: approval.binding } satisfies Shown);
  const buttons = [...(approvable ? [approveButton(value)] : []), denyButton(value), details(link)];
  return {
    text,
    blocks: [heading, facts, reason, ...shown, { type: 'context', elements: [plain(note, limits.words)] }, actions(buttons)],
    preview: approvable ? approval.preview : null,
  };
}

/** Asks why a call is denied. `metadata` comes back with the answer. */
export function denyDialog(metadata: string): View {
  return {
    type: 'modal',
    callback_id: 'deny',
    private_metadata: metadata.slice(0, limits.metadata),
    title: plain('Deny this call'),
    submit: plain('Deny'),
    close: plain('Back'),
    blocks: [
      {
        type: 'input',
        block_id: 'reason',
        optional: true,
        label: plain('Why? The agent is told.'),
        element: { type: 'plain_text_input', action_id: 'reason', multiline: true, max_length: 1000 },
      },
    ],
  };
}

/** Words for one person, with a way on. */
export function wordsFor(message: string, way?: { readonly text: string; readonly url: string }): { text: string; blocks: KnownBlock[] } {
  const words: KnownBlock = { type: 'section', text: plain(message, limits.words) };
  return { text: forSlack(message), blocks: way === undefined ? [words] : [words, actions([{ type: 'button', action_id: 'way', text: plain(way.text), url: way.url }])] };
}

function noteOf(approval: ApprovalDetail, whole: boolean, showArguments: boolean): string {
  const { terms, complete } = approval;
  return [
    `${progressText(approval)}.`,
    ...(terms.fresh_login === true ? ['This call is approved on the page, with a login made for it.'] : []),
    ...(showArguments ? [] : ['What would run is shown on the page, and approved there.']),
    ...(showArguments && !whole ? ['What would run is too long for a message: it is shown on the page, and approved there.'] : []),
    ...(whole && !complete ? ['Not everything can be shown: what is hidden is named, with its digest.'] : []),
  ].join(' ');
}

function outcomeOf({ status, decision, decided_by }: Approval): string {
  const who = decided_by.length > 0 ? ` by ${decided_by.join(', ')}` : '';
  if (status === 'granted' || status === 'dispatching') return `Approved${who}.`;
  return decision === null ? `The request is ${status}.` : `The request is ${status}${who}: ${decision}`;
}

function approveButton(value: string) {
  return {
    type: 'button' as const,
    action_id: 'approve',
    style: 'primary' as const,
    text: plain('Approve'),
    value,
    confirm: { title: plain('Approve this call?'), text: plain('It runs exactly as it is shown, once.'), confirm: plain('Approve'), deny: plain('Back') },
  };
}

function denyButton(value: string) {
  return { type: 'button' as const, action_id: 'deny', style: 'danger' as const, text: plain('Deny'), value };
}

function details(link: string) {
  return { type: 'button' as const, action_id: 'details', text: plain('Details'), url: link };
}

function actions(elements: Extract<KnownBlock, { type: 'actions' }>['elements']): KnownBlock {
  return { type: 'actions', elements };
}

function fact(name: string, value: string) {
  return [plain(name), plain(value || '–')];
}

/** No formatting, no emoji: what it says is what is seen. Cut off where it would be longer than Slack takes it. */
function plain(text: string, most: number = limits.field) {
  return { type: 'plain_text' as const, text: forSlackWithin(text, most), emoji: false };
}
