import { Body, Controller, Get, Inject, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '@customhouse/nest/access';
import type { PageSettings } from '../../places.js';
import { Tokens } from '../tokens.js';
import { notOurs, unknownPage } from './answers.js';
import { messagePage } from './html.js';
import { Login, LoginRefused, type LoginAttempt } from './login.js';
import { PAGE_SETTINGS, Visitors } from './visitors.js';

const loginLifetime_s = 600;
/** Where a login may lead: our own pages. */
const backPath = /^\/approvals(?:\/(?:reviews|delegations|link\?token=[A-Za-z0-9_.-]{1,4000}|([0-9A-HJKMNP-TV-Z]{26})))?$/;

/** The way in to the pages, through the OpenID provider of the company, and out. */
@Controller('approvals')
@Public()
export class LoginController {
  private readonly login: Login;

  constructor(
    @Inject(PAGE_SETTINGS) settings: PageSettings,
    @Inject(Visitors) private readonly visitors: Visitors,
    @Inject(Tokens) private readonly tokens: Tokens,
  ) {
    this.login = new Login(settings);
  }

  @Get('login')
  async begin(@Query('back') back: unknown, @Query('fresh') fresh: unknown, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      if (typeof back !== 'string' || !backPath.test(back)) return unknownPage();
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

  @Post('logout')
  async logout(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const visitor = await this.visitors.of(request, true);
      if (visitor !== undefined && !this.visitors.sentIt(request, visitor, (body as { csrf?: unknown } | null)?.csrf)) return notOurs('/approvals');
      if (visitor !== undefined) await this.visitors.leave(visitor, reply);
      return { status: 200, page: messagePage('Logged out', 'You are logged out here. Your session at the OpenID provider is its own.') };
    });
  }
}
