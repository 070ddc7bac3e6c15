import { Body, Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Public } from '@customhouse/nest/access';
import { ProblemError } from '@customhouse/nest/problem';
import type { PageSettings } from '../../places.js';
import { Deciding } from '../deciding.js';
import { Tokens } from '../tokens.js';
import { messagePage, requestPage } from './html.js';
import { Login, LoginRefused, type LoginAttempt } from './login.js';
import { PAGE_SETTINGS, Visitors, type PageAnswer, type Visitor } from './visitors.js';

const loginLifetime_s = 600;
/** Where a login may lead: our own pages. */
const backPath = /^\/approvals\/(?:link\?token=[A-Za-z0-9_.-]{1,4000}|([0-9A-HJKMNP-TV-Z]{26}))$/;

const Decision = z.object({
  csrf: z.string(),
  verdict: z.enum(['approve', 'deny']),
  // Browsers send the line breaks of forms as CR LF.
  reason: z
    .string()
    .max(2000)
    .transform((text) =>
      text
        .replaceAll('\r\n', '\n')
        .replaceAll(/[^\P{Cc}\n\t]/gu, '')
        .toWellFormed()
        .trim()
        .slice(0, 1000),
    ),
  binding: z.string().max(100),
  preview: z.string().max(100),
});

/** The page of a request: made on the server, without any script. People log in to it as they do everywhere in their company. */
@Controller('approvals')
@Public()
export class PageController {
  private readonly login: Login;

  constructor(
    @Inject(PAGE_SETTINGS) private readonly settings: PageSettings,
    @Inject(Visitors) private readonly visitors: Visitors,
    @Inject(Deciding) private readonly deciding: Deciding,
    @Inject(Tokens) private readonly tokens: Tokens,
  ) {
    this.login = new Login(settings);
  }

  @Get('login')
  async begin(@Query('back') back: unknown, @Query('fresh') fresh: unknown, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      if (typeof back !== 'string' || !backPath.test(back))
        return { status: 400, page: messagePage('Unknown page', 'The link is not whole: open it again from where you have it.') };
      const { attempt, url } = await this.login.begin(back, fresh === 'true');
      void reply.header('set-cookie', this.visitors.cookies.give('login', this.tokens.make('login', attempt, loginLifetime_s), loginLifetime_s));
      return { status: 302, location: url };
    });
  }

  @Get('callback')
  async finish(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const attempt = this.tokens.read<LoginAttempt>('login', this.visitors.cookies.read(request.headers.cookie, 'login'));
      if (attempt === undefined) throw new LoginRefused('this login was begun too long ago, or in another browser: open the link again');
      const query = /\?.*$/.exec(request.url)?.[0] ?? '';
      await this.visitors.enter(await this.login.finish(query, attempt), backPath.exec(attempt.back)?.[1], reply);
      return { status: 303, location: attempt.back };
    });
  }

  @Get(':approval')
  async show(@Param('approval') approval: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const visitor = await this.visitors.of(request);
      return visitor === undefined ? toLogin(approval) : this.present(approval, visitor);
    });
  }

  @Post(':approval/decision')
  async decide(@Param('approval') approval: string, @Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const visitor = await this.visitors.of(request);
      if (visitor === undefined) return toLogin(approval);
      const form = Decision.safeParse(body);
      if (!form.success || !this.visitors.sentIt(request, visitor, form.data.csrf)) return notOurs();
      const { csrf: _, ...ballot } = form.data;
      try {
        await this.deciding.vote({ ...ballot, approval, voter: visitor.voter, via: 'browser', fresh: this.isFresh(visitor, approval) });
      } catch (error) {
        if (!(error instanceof ProblemError) || error.body.status === 404) throw error;
        return this.present(approval, visitor, error);
      }
      return { status: 303, location: `/approvals/${approval}` };
    });
  }

  @Post('logout')
  async logout(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const visitor = await this.visitors.of(request);
      if (visitor !== undefined && !this.visitors.sentIt(request, visitor, (body as { csrf?: unknown } | null)?.csrf)) return notOurs();
      if (visitor !== undefined) await this.visitors.leave(visitor, reply);
      return { status: 200, page: messagePage('Logged out', 'You are logged out here. Your session at the OpenID provider is its own.') };
    });
  }

  private async present(approval: string, visitor: Visitor, refusal?: ProblemError): Promise<PageAnswer> {
    const detail = await this.deciding.show(visitor.voter.tenant, approval);
    const page = requestPage(detail, {
      person: visitor.voter.person,
      csrf: visitor.csrf,
      preview: detail.preview,
      rendering: detail.rendering,
      complete: detail.complete,
      loginNeeded: detail.terms.fresh_login === true && !this.isFresh(visitor, approval),
      ...(refusal === undefined ? {} : { notice: `${refusal.body.title}: ${refusal.body.detail}` }),
    });
    return { status: refusal?.body.status ?? 200, page };
  }

  private isFresh({ session }: Visitor, approval: string): boolean {
    return session.fresh?.approval === approval && session.fresh.age_s <= this.settings.freshLogin_s;
  }
}

function toLogin(approval: string): PageAnswer {
  return { status: 303, location: `/approvals/login?back=${encodeURIComponent(`/approvals/${approval}`)}` };
}

function notOurs(): PageAnswer {
  return { status: 403, page: messagePage('Nothing was decided', 'The form was not sent from this page and in this login: open the request again.') };
}
