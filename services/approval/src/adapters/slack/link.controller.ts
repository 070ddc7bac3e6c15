import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { WebClient } from '@slack/web-api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '@customhouse/nest/access';
import { folded } from '../../domain/person.js';
import { Identities } from '../identities.js';
import { toLogin, type PageAnswer } from '../page/answers.js';
import { linkPage, messagePage } from '../page/html.js';
import { Visitors } from '../page/visitors.js';
import { Tokens } from '../tokens.js';
import type { LinkOffer } from './interactions.js';
import { SLACK } from './slack-client.js';

/**
 * Links an account of Slack to the person who logs in, once. The link came to that account alone, but it can be passed on: so the
 * address that Slack knows of the account must be the name of whoever logs in, and they are asked.
 */
@Controller('approvals/link')
@Public()
export class LinkController {
  constructor(
    @Inject(Visitors) private readonly visitors: Visitors,
    @Inject(Tokens) private readonly tokens: Tokens,
    @Inject(Identities) private readonly identities: Identities,
    @Inject(SLACK) private readonly slack: WebClient,
  ) {}

  @Get()
  async ask(@Query('token') token: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const offer = this.offerIn(token);
      if (offer === undefined) return tooLate();
      const visitor = await this.visitors.of(request);
      if (visitor === undefined) return toLogin(`/approvals/link?token=${String(token)}`);
      const account = await this.accountOf(offer);
      if (folded(account.email) !== folded(visitor.voter.person)) return notTheirs(account.email, visitor.voter.person);
      return { status: 200, page: linkPage(`The Slack account ${account.name}`, { person: visitor.voter.person, csrf: visitor.csrf, token: String(token) }) };
    });
  }

  @Post()
  async link(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const { token, csrf } = (body ?? {}) as { token?: unknown; csrf?: unknown };
      const offer = this.offerIn(token);
      const visitor = await this.visitors.of(request);
      if (offer === undefined || visitor === undefined) return tooLate();
      if (!this.visitors.sentIt(request, visitor, csrf))
        return { status: 403, page: messagePage('Nothing was linked', 'The form was not sent from this page and in this login: open the link again.') };
      const { tenant, person } = visitor.voter;
      const account = await this.accountOf(offer);
      if (folded(account.email) !== folded(person)) return notTheirs(account.email, person);
      await this.identities.link({ kind: 'slack', authority: offer.team, subject: offer.user }, { tenant, person, by: person });
      return { status: 200, page: messagePage('Linked', `The Slack account ${account.name} decides in the name of ${person} from now on. Go back to Slack and click again.`) };
    });
  }

  private offerIn(token: unknown): LinkOffer | undefined {
    return this.tokens.read<LinkOffer>('slack-link', typeof token === 'string' ? token : undefined);
  }

  private async accountOf({ team, user }: LinkOffer): Promise<{ readonly name: string; readonly email: string }> {
    const { user: account } = await this.slack.users.info({ user });
    const usable = account?.team_id === team && account.deleted !== true && account.is_bot !== true;
    return { name: account?.real_name ?? account?.name ?? user, email: usable ? (account.profile?.email ?? '') : '' };
  }
}

function tooLate(): PageAnswer {
  return { status: 403, page: messagePage('The link is too old', 'Click in Slack again: a new link comes.') };
}

function notTheirs(email: string, person: string): PageAnswer {
  const whose = email === '' ? 'has no address that Slack tells us' : `belongs to ${email}`;
  return {
    status: 403,
    page: messagePage('Not your account', `The Slack account ${whose}, and you are logged in as ${person}. An operator can link accounts whose names differ.`),
  };
}
