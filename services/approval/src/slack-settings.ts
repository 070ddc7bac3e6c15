import { z } from 'zod';
import { list, optionalText, setting, SettingsError, type SettingsOf } from '@customhouse/settings/settings';
import { address, pageSettings, type PlaceSettings } from './places.js';

const channel = z.string().regex(/^[CGD][A-Z0-9]{2,30}$/, 'must be the id of a channel, like C0123ABCD: Slack shows it in the details of the channel');
const id = (letter: string, of: string) =>
  z
    .string()
    .regex(new RegExp(`^${letter}[A-Z0-9]{2,30}$`), `must be the id of ${of}, like ${letter}0123ABCD`)
    .optional();

/** `finance=C0123ABCD,security=C0456EFGH` */
const channelsOfGroups = list.transform((entries, context) => {
  const channels = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.lastIndexOf('=');
    const parsed = channel.safeParse(entry.slice(at + 1));
    if (at > 0 && parsed.success) channels.set(entry.slice(0, at), parsed.data);
    else context.addIssue({ code: 'custom', message: `${JSON.stringify(entry)} is not of the form group=C0123ABCD` });
  }
  return channels as ReadonlyMap<string, string>;
});

/** The app in Slack. Nothing of it is on until the bot token is set. */
export const slackSettings = {
  slackBotToken: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SLACK_BOT_TOKEN',
    schema: z.string().startsWith('xoxb-', 'must be a bot token, which begins with xoxb-').optional(),
    secret: true,
    description: 'Bot token of the Slack app (infra/slack/manifest.yaml). With it requests are posted to Slack, with buttons.',
  }),
  slackSigningSecret: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SLACK_SIGNING_SECRET',
    schema: optionalText,
    secret: true,
    description: 'Signing secret of the Slack app: what comes from Slack is known by it.',
  }),
  slackAppId: setting({ env: 'CUSTOMHOUSE_APPROVAL_SLACK_APP_ID', schema: id('A', 'the app'), description: 'Id of the Slack app. What other apps send is refused.' }),
  slackTeamId: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SLACK_TEAM_ID',
    schema: id('T', 'the workspace'),
    description: 'Id of the Slack workspace. What comes from others is refused.',
  }),
  slackChannel: setting({ env: 'CUSTOMHOUSE_APPROVAL_SLACK_CHANNEL', schema: channel.optional(), description: 'Id of the channel that requests are posted to.' }),
  slackGroupChannels: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SLACK_GROUP_CHANNELS',
    schema: channelsOfGroups,
    default: '',
    description: 'Channels of groups, as `finance=C0123ABCD,security=C0456EFGH`: a request that asks these groups, or is escalated to them, is posted there as well.',
  }),
  slackArguments: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SLACK_ARGUMENTS',
    schema: z.enum(['shown', 'hidden'], 'must be shown or hidden'),
    default: 'shown',
    description: 'Whether messages show what would run. With `hidden` nothing of the arguments goes to Slack, and approving is done on the page.',
  }),
  slackApiUrl: setting({
    env: 'CUSTOMHOUSE_APPROVAL_SLACK_API_URL',
    schema: address,
    default: 'https://slack.com/api/',
    description: "Where Slack's Web API is.",
  }),
};
export type SlackSettings = SettingsOf<typeof slackSettings>;

/** The app in Slack, where it is set up. */
export interface SlackApp {
  readonly token: string;
  readonly signingSecret: string;
  readonly app: string;
  readonly team: string;
  readonly channel: string;
  readonly groupChannels: ReadonlyMap<string, string>;
  readonly showArguments: boolean;
  readonly apiUrl: string;
  readonly publicUrl: string;
}

/** Undefined where there is no bot token. Throws SettingsError when something that belongs to it is missing. */
export function slackApp(settings: SlackSettings & PlaceSettings): SlackApp | undefined {
  const { slackBotToken, slackSigningSecret, slackAppId, slackTeamId, slackChannel } = settings;
  if (slackBotToken === undefined) return undefined;
  const page = pageSettings(settings);
  if (slackSigningSecret !== undefined && slackAppId !== undefined && slackTeamId !== undefined && slackChannel !== undefined && page !== undefined) {
    return {
      token: slackBotToken,
      signingSecret: slackSigningSecret,
      app: slackAppId,
      team: slackTeamId,
      channel: slackChannel,
      groupChannels: settings.slackGroupChannels,
      showArguments: settings.slackArguments === 'shown',
      apiUrl: settings.slackApiUrl,
      publicUrl: page.publicUrl,
    };
  }
  const missing = [
    ...(slackSigningSecret === undefined ? ['CUSTOMHOUSE_APPROVAL_SLACK_SIGNING_SECRET'] : []),
    ...(slackAppId === undefined ? ['CUSTOMHOUSE_APPROVAL_SLACK_APP_ID'] : []),
    ...(slackTeamId === undefined ? ['CUSTOMHOUSE_APPROVAL_SLACK_TEAM_ID'] : []),
    ...(slackChannel === undefined ? ['CUSTOMHOUSE_APPROVAL_SLACK_CHANNEL'] : []),
    // Accounts of Slack are linked to people on the page, and calls that need a login are decided there.
    ...(page === undefined ? ['CUSTOMHOUSE_APPROVAL_OIDC_ISSUER'] : []),
  ];
  throw new SettingsError(missing.map((name) => `${name} is required to decide in Slack: set it, or remove CUSTOMHOUSE_APPROVAL_SLACK_BOT_TOKEN`));
}
