import type { Provider, Type } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '@customhouse/nest/tokens';
import type { PlaceSettings } from '../../places.js';
import { slackApp, type SlackSettings } from '../../slack-settings.js';
import { Interactions } from './interactions.js';
import { LinkController } from './link.controller.js';
import { SLACK, slackClient } from './slack-client.js';
import { SLACK_APP, SlackMessages } from './slack-messages.js';
import { SlackController } from './slack.controller.js';

/** What the app in Slack needs; nothing where it is not set up. Throws SettingsError when only a part is. */
export function slackParts(settings: SlackSettings & PlaceSettings): {
  readonly controllers: readonly Type[];
  readonly providers: readonly Provider[];
  readonly notifiers: readonly Type[];
} {
  const app = slackApp(settings);
  if (app === undefined) return { controllers: [], providers: [], notifiers: [] };
  const providers: Provider[] = [
    { provide: SLACK_APP, useValue: app },
    { provide: SLACK, inject: [LOGGER], useFactory: (logger: Logger) => slackClient(app, logger) },
    SlackMessages,
    Interactions,
  ];
  return { controllers: [SlackController, LinkController], providers, notifiers: [SlackMessages] };
}
