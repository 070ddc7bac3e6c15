import { Inject, Injectable } from '@nestjs/common';
import type { WebClient } from '@slack/web-api';
import type { Logger } from 'pino';
import { z } from 'zod';
import { Ulid } from '@customhouse/events/envelope';
import { ProblemError } from '@customhouse/nest/problem';
import { LOGGER } from '@customhouse/nest/tokens';
import { linkTo } from '../../places.js';
import type { SlackApp } from '../../slack-settings.js';
import { Deciding, type Voter } from '../deciding.js';
import { Identities } from '../identities.js';
import { Tokens } from '../tokens.js';
import { readable } from '../words.js';
import { denyDialog, wordsFor } from './message.js';
import { SLACK } from './slack-client.js';
import { SLACK_APP, SlackMessages } from './slack-messages.js';

export const linkLifetime_s = 900;
/** What a link for an account says: whose it is. */
export interface LinkOffer {
  readonly team: string;
  readonly user: string;
}

const from = { api_app_id: z.string(), team: z.object({ id: z.string() }), user: z.object({ id: z.string() }) };
const Click = z.object({
  ...from,
  type: z.literal('block_actions'),
  trigger_id: z.string(),
  channel: z.object({ id: z.string() }),
  message: z.object({ ts: z.string() }),
  actions: z.array(z.object({ action_id: z.string(), value: z.string().optional() })).min(1),
});
const Dialog = z.object({
  ...from,
  type: z.literal('view_submission'),
  view: z.object({
    callback_id: z.string(),
    private_metadata: z.string(),
    state: z.object({ values: z.record(z.string(), z.record(z.string(), z.looseObject({ value: z.string().nullish() }))) }),
  }),
});
/** What Slack tells us, as far as we know it. The signature was checked before. */
export const Interaction = z.discriminatedUnion('type', [Click, Dialog]);
export type Interaction = z.infer<typeof Interaction>;

const Shown = z.object({ approval: Ulid, preview: z.string(), binding: z.string() });
const Asked = Shown.extend({ channel: z.string(), ts: z.string() });
type Asked = z.infer<typeof Asked>;

/** What Slack is answered, and what is done afterwards, when nobody waits any more. */
export interface Reaction {
  readonly answer?: object;
  readonly later?: () => Promise<unknown>;
}

/** What people do in Slack with the messages about requests. */
@Injectable()
export class Interactions {
  constructor(
    @Inject(SLACK_APP) private readonly app: SlackApp,
    @Inject(SLACK) private readonly slack: WebClient,
    @Inject(SlackMessages) private readonly messages: SlackMessages,
    @Inject(Deciding) private readonly deciding: Deciding,
    @Inject(Identities) private readonly identities: Identities,
    @Inject(Tokens) private readonly tokens: Tokens,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Whether it comes from our app in our workspace. */
  isOurs({ api_app_id, team }: Interaction): boolean {
    return api_app_id === this.app.app && team.id === this.app.team;
  }

  async react(interaction: Interaction): Promise<Reaction> {
    return interaction.type === 'block_actions' ? this.clicked(interaction) : this.submitted(interaction);
  }

  private async clicked(click: z.infer<typeof Click>): Promise<Reaction> {
    const { action_id, value } = click.actions[0]!;
    // A button with a link: the browser has opened it, and Slack wants to hear that we know.
    if (action_id !== 'approve' && action_id !== 'deny') return {};
    const user = click.user.id;
    const tell = (message: string, way?: { readonly text: string; readonly url: string }): Reaction => ({ later: () => this.whisper(click.channel.id, user, message, way) });
    const shown = Shown.safeParse(parse(value));
    const posted = await this.messages.find(click.channel.id, click.message.ts);
    if (!shown.success || posted === undefined || posted.approval !== shown.data.approval)
      return tell('This message is not one that decides anything: look for the newest one about this call.');
    const details = { text: 'Details', url: linkTo(this.app.publicUrl, posted.approval) };
    const voter = await this.voterFor(user);
    if (typeof voter === 'string') return tell(voter, this.wayFor(user));
    const asked: Asked = { ...shown.data, channel: posted.channel, ts: posted.ts };
    if (action_id === 'deny') return { later: () => this.askWhy(click, asked, details) };
    // What the voter read in the message must be what would be shown now. Once it is decided, they are told so.
    const detail = await this.deciding.show(voter.tenant, posted.approval);
    if (detail.status === 'open' && (posted.preview === null || posted.preview !== shown.data.preview || detail.preview !== posted.preview))
      return tell('This message does not show the call as it would run, so it cannot be approved here.', details);
    const refusal = await this.vote(voter, asked, 'approve', '');
    return refusal === undefined ? this.refreshing(voter.tenant, posted.approval) : tell(refusal, details);
  }

  private async submitted({ view, user }: z.infer<typeof Dialog>): Promise<Reaction> {
    const asked = Asked.safeParse(parse(view.private_metadata));
    const posted = asked.success ? await this.messages.find(asked.data.channel, asked.data.ts) : undefined;
    const failed = (message: string): Reaction => ({ answer: { response_action: 'errors', errors: { reason: message } } });
    if (view.callback_id !== 'deny' || !asked.success || posted?.approval !== asked.data.approval)
      return failed('This dialog decides nothing: click the button of the message again.');
    const voter = await this.voterFor(user.id);
    if (typeof voter === 'string') return failed(voter);
    const reason = readable(view.state.values['reason']?.['reason']?.value ?? '');
    const refusal = await this.vote(voter, asked.data, 'deny', reason);
    return refusal === undefined ? this.refreshing(voter.tenant, posted.approval) : failed(refusal);
  }

  /** What was refused, in words; undefined when the vote counts. */
  private async vote(voter: Voter, { approval, binding, preview }: Asked, verdict: 'approve' | 'deny', reason: string): Promise<string | undefined> {
    try {
      await this.deciding.vote({ approval, voter, verdict, reason, binding, preview, via: 'slack', fresh: false });
      return undefined;
    } catch (error) {
      if (error instanceof ProblemError && error.body.status < 500) return `${error.body.title}: ${error.body.detail}`;
      throw error;
    }
  }

  private refreshing(tenant: string, approval: string): Reaction {
    return { later: () => this.messages.update(tenant, approval) };
  }

  private async voterFor(user: string): Promise<Voter | string> {
    const voter = await this.identities.voterOf({ kind: 'slack', authority: this.app.team, subject: user });
    switch (voter) {
      case 'unknown':
        return 'Nobody knows yet who you are: link your account once, with the login of your company. Then click again.';
      case 'stale':
        return 'Your last login was too long ago: log in once more. Then click again.';
      case 'not-approver':
        return 'You may not decide about calls: by your last login you are in no group that may.';
      default:
        return voter;
    }
  }

  private wayFor(user: string): { readonly text: string; readonly url: string } {
    const token = this.tokens.make('slack-link', { team: this.app.team, user } satisfies LinkOffer, linkLifetime_s);
    return { text: 'Log in', url: `${this.app.publicUrl}/approvals/link?token=${token}` };
  }

  private async askWhy(click: z.infer<typeof Click>, asked: Asked, details: { readonly text: string; readonly url: string }): Promise<void> {
    try {
      await this.slack.views.open({ trigger_id: click.trigger_id, view: denyDialog(JSON.stringify(asked)) });
    } catch (error) {
      this.logger.warn({ error }, 'a dialog could not be opened in Slack');
      await this.whisper(asked.channel, click.user.id, 'The dialog could not be opened. Click again, or deny it on the page.', details);
    }
  }

  /** Only this person sees it. */
  private async whisper(channel: string, user: string, message: string, way?: { readonly text: string; readonly url: string }): Promise<void> {
    await this.slack.chat.postEphemeral({ channel, user, ...wordsFor(message, way) });
  }
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
