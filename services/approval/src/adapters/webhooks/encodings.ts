import { createHmac } from 'node:crypto';
import { forSlackWithin } from '../../domain/markup.js';
import { progressOf, progressText } from '../../domain/progress.js';
import { visible } from '../../domain/rendering.js';
import type { Notice } from '../notifier.js';
import type { Encoded } from './webhook.js';

type Link = (approval: string) => string;

/** One message of an incoming webhook of Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. */
export function slackEncoding(notice: Notice, link: Link): Encoded {
  const plain = (text: string) => ({ type: 'plain_text', text: forSlackWithin(text || '–', 1_900), emoji: false });
  const blocks = [
    { type: 'section', text: plain(titleOf(notice)) },
    { type: 'section', fields: factsOf(notice).flatMap(([name, value]) => [plain(name), plain(value)]) },
    { type: 'actions', elements: [{ type: 'button', action_id: 'details', text: plain('Details'), url: link(notice.approval.approval) }] },
  ];
  return { body: JSON.stringify({ text: forSlackWithin(titleOf(notice), 1_900), blocks, unfurl_links: false }) };
}

/**
 * An Adaptive Card as the webhook of a Teams workflow takes it. Rich text is shown as it is; the plain text blocks of cards would be
 * read as Markdown.
 */
export function teamsEncoding(notice: Notice, link: Link): Encoded {
  const words = (text: string, more: object = {}) => ({ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text: visible(text), ...more }] });
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [words(titleOf(notice), { weight: 'Bolder' }), ...factsOf(notice).map(([name, value]) => words(`${name}: ${value}`))],
    actions: [{ type: 'Action.OpenUrl', title: 'Details', url: link(notice.approval.approval) }],
  };
  return { body: JSON.stringify({ type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }] }) };
}

/** JSON, signed as https://www.standardwebhooks.com says. `now`: Unix milliseconds. */
export function signedEncoding(notice: Notice, link: Link | undefined, secret: string, now: number): Encoded {
  const { id, kind, about, tenant, groups, approval } = notice;
  const { status, call, agent, person, method, server, tool, rules, reason, quorum, approvers, missing, opened, expires, decided, decided_by, decision } = approval;
  const data = {
    ...{ approval: approval.approval, call, tenant, status, about, groups, agent, person, method, server, tool, rules, reason, quorum, approvers, missing, opened, expires },
    ...{ progress: progressOf(approval), decided, decided_by, decision, link: link?.(approval.approval) ?? null },
  };
  const body = JSON.stringify({ type: `approval.${kind}`, timestamp: new Date(now).toISOString(), data });
  const seconds = String(Math.floor(now / 1_000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  return { body, headers: { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` } };
}

function titleOf({ kind, about, approval: { agent, tool, server, status } }: Notice): string {
  const call = `${agent} wants to run ${tool} on ${server}`;
  if (about === 'review') return kind === 'decided' ? `Reviewed: ${call}` : `To be reviewed: one person let it run alone. ${call}`;
  if (kind === 'decided') return `Decided (${status}): ${call}`;
  if (kind === 'escalated') return `Nobody has decided yet: ${call}`;
  // It is told as things are now, and others may have decided meanwhile.
  if (kind === 'voted') return status === 'open' ? `One more has approved, and others have to: ${call}` : `One more has approved: ${call}`;
  return kind === 'reminded' ? `Still waiting: ${call}` : `Waits for a person: ${call}`;
}

function factsOf({ approval, groups }: Notice): readonly (readonly [string, string])[] {
  const { person, reason, decision, expires, decided_by } = approval;
  return [
    ['Asked by', person],
    ['Why it waits', reason],
    ...(groups.length > 0 ? [['Asked are', groups.join(', ')] as const] : []),
    ['So far', progressText(approval)],
    decided_by.length > 0 || decision !== null ? ['Decision', [decision ?? '', decided_by.length > 0 ? `by ${decided_by.join(', ')}` : ''].join(' ').trim()] : ['Expires', expires],
  ];
}
