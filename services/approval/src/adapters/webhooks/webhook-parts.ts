import { linkTo, type PlaceSettings } from '../../places.js';
import { hooksOf, type WebhookSettings } from '../../webhook-settings.js';
import type { Notifier } from '../notifier.js';
import { signedEncoding, slackEncoding, teamsEncoding } from './encodings.js';
import { Webhook } from './webhook.js';

/** The webhooks that are set. Throws SettingsError when something that belongs to them is missing. */
export function webhooks(settings: WebhookSettings & PlaceSettings): readonly Notifier[] {
  const { slack, teams, signed, publicUrl } = hooksOf(settings);
  const link = publicUrl === undefined ? undefined : (approval: string) => linkTo(publicUrl, approval);
  return [
    ...(slack === undefined || link === undefined ? [] : [new Webhook('slack-webhook', slack, (notice) => slackEncoding(notice, link))]),
    ...(teams === undefined || link === undefined ? [] : [new Webhook('teams', teams, (notice) => teamsEncoding(notice, link))]),
    ...(signed === undefined ? [] : [new Webhook('webhook', signed.url, (notice) => signedEncoding(notice, link, signed.secret, Date.now()))]),
  ];
}
