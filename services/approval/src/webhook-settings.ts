import { z } from 'zod';
import { setting, SettingsError, type SettingsOf } from '@customhouse/settings/settings';
import { address, pageSettings, type PlaceSettings } from './places.js';

/** These addresses are secrets: whoever knows one can write there. So they are never part of an error. */
const hook = address.optional();

/** Telling people where they cannot decide: a message with a link. */
export const webhookSettings = {
  slackWebhookUrl: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SLACK_WEBHOOK_URL',
    schema: hook,
    secret: true,
    description: 'Incoming webhook of Slack, for those without the app: messages have a link to the page and no buttons.',
  }),
  teamsWebhookUrl: setting({
    env: 'CUSTOMHOUSE_APPROVAL_TEAMS_WEBHOOK_URL',
    schema: hook,
    secret: true,
    description: 'Webhook of a Microsoft Teams workflow ("Post to a channel when a webhook request is received"): cards have a link to the page.',
  }),
  webhookUrl: setting({
    env: 'CUSTOMHOUSE_APPROVAL_WEBHOOK_URL',
    schema: hook,
    secret: true,
    description: 'Where requests are told as JSON, signed as https://www.standardwebhooks.com says.',
  }),
  webhookSecret: setting({
    env: 'CUSTOMHOUSE_APPROVAL_WEBHOOK_SECRET',
    schema: z
      .string()
      .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'must be whsec_ and 24 to 64 random bytes as base64: echo "whsec_$(openssl rand -base64 32)"')
      .optional(),
    secret: true,
    description: 'Secret that the JSON webhook is signed with.',
  }),
};
export type WebhookSettings = SettingsOf<typeof webhookSettings>;

export interface Hooks {
  readonly slack: string | undefined;
  readonly teams: string | undefined;
  readonly signed: { readonly url: string; readonly secret: string } | undefined;
  /** Where the pages of requests are; undefined where there is no page. */
  readonly publicUrl: string | undefined;
}

/** Throws SettingsError when something that belongs to what is set is missing. */
export function hooksOf(settings: WebhookSettings & PlaceSettings): Hooks {
  const { slackWebhookUrl: slack, teamsWebhookUrl: teams, webhookUrl, webhookSecret } = settings;
  const publicUrl = pageSettings(settings)?.publicUrl;
  const problems: string[] = [];
  if ((slack !== undefined || teams !== undefined) && publicUrl === undefined)
    problems.push('CUSTOMHOUSE_APPROVAL_OIDC_ISSUER is required for messages with a link to the page: set up the page, or remove the webhooks of Slack and Teams');
  if (webhookUrl !== undefined && webhookSecret === undefined)
    problems.push('CUSTOMHOUSE_APPROVAL_WEBHOOK_SECRET is required with CUSTOMHOUSE_APPROVAL_WEBHOOK_URL: receivers know by it who writes');
  if (problems.length > 0) throw new SettingsError(problems);
  return { slack, teams, signed: webhookUrl === undefined || webhookSecret === undefined ? undefined : { url: webhookUrl, secret: webhookSecret }, publicUrl };
}
