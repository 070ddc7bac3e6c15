import { Module, type DynamicModule } from '@nestjs/common';
import { ApprovalsController } from './adapters/approvals.controller.js';
import { ApproversController } from './adapters/approvers.controller.js';
import { CallsConsumer } from './adapters/calls.consumer.js';
import { Caretaker } from './adapters/caretaker.js';
import { Courier } from './adapters/courier.js';
import { Deciding } from './adapters/deciding.js';
import { Delegations } from './adapters/delegations.js';
import { Identities } from './adapters/identities.js';
import { RequestMetrics } from './adapters/metrics.js';
import { NOTIFIERS, type Notifier } from './adapters/notifier.js';
import { Previews } from './adapters/preview.js';
import { Requests } from './adapters/requests.js';
import { pageParts } from './adapters/page/page-parts.js';
import { slackParts } from './adapters/slack/slack-parts.js';
import { Tokens } from './adapters/tokens.js';
import { webhooks } from './adapters/webhooks/webhook-parts.js';
import { WritersConsumer } from './adapters/writers.consumer.js';
import { APPROVAL_SETTINGS, type ApprovalSettings } from './config.js';

@Module({})
export class ApprovalModule {
  static with(settings: ApprovalSettings): DynamicModule {
    const page = pageParts(settings);
    const slack = slackParts(settings);
    const hooks = webhooks(settings);
    return {
      module: ApprovalModule,
      controllers: [ApprovalsController, ApproversController, CallsConsumer, WritersConsumer, ...slack.controllers, ...page.controllers],
      providers: [
        { provide: APPROVAL_SETTINGS, useValue: settings },
        { provide: NOTIFIERS, inject: [...slack.notifiers], useFactory: (...chats: Notifier[]) => [...chats, ...hooks] },
        {
          provide: Requests,
          inject: [NOTIFIERS],
          useFactory: (notifiers: readonly Notifier[]) =>
            new Requests({ silence_ms: settings.silence_ms, reminders: settings.reminders_count, channels: notifiers.map(({ channel }) => channel) }),
        },
        RequestMetrics,
        Previews,
        Deciding,
        Delegations,
        Identities,
        Courier,
        Caretaker,
        Tokens,
        ...page.providers,
        ...slack.providers,
      ],
    };
  }
}
