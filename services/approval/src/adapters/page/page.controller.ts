import { Body, Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { freshLogin } from '@customhouse/http-contract/approval';
import { Public } from '@customhouse/nest/access';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import type { PageSettings } from '../../places.js';
import type { Standing } from '../../domain/standing.js';
import { Deciding } from '../deciding.js';
import { findRequest } from '../requests-view.js';
import { Standings } from '../standings.js';
import { noSuchPage, notOurs, toLogin, unknownPage, type PageAnswer } from './answers.js';
import { digest, isUlid, nextQuery, PartQuery, sentForm, words } from './forms.js';
import type { LoggedIn } from './html.js';
import { reviewsPage, waitingPage } from './lists-page.js';
import { requestPage } from './request-page.js';
import { PAGE_SETTINGS, Visitors, type Visitor } from './visitors.js';

const Decision = sentForm({ verdict: z.enum(['approve', 'deny']), reason: words, binding: digest, preview: digest });
const Emergency = sentForm({ reason: words, binding: digest, preview: digest });
const Withdrawal = sentForm({ reason: words });
const ReviewForm = sentForm({ verdict: z.enum(['justified', 'unjustified']), comment: words });
const Waiting = PartQuery.extend({ show: z.enum(['all']).optional() });

interface Sent {
  readonly approval: string;
  /** It may be about a call of one's own, and so come from somebody who is no approver. */
  readonly own: boolean;
  readonly body: unknown;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** The pages about requests: made on the server, without any script. People log in to them as they do everywhere in their company. */
@Controller('approvals')
@Public()
export class PageController {
  constructor(
    @Inject(PAGE_SETTINGS) private readonly settings: PageSettings,
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(Visitors) private readonly visitors: Visitors,
    @Inject(Deciding) private readonly deciding: Deciding,
    @Inject(Standings) private readonly standings: Standings,
  ) {}

  @Get()
  async waiting(@Query() query: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const visitor = await this.visitors.of(request, true);
      if (visitor === undefined) return toLogin('/approvals');
      const asked = Waiting.safeParse(query);
      if (!asked.success) return unknownPage();
      const onlyOwn = visitor.voter.onlyOwn === true;
      const all = asked.data.show === 'all' && !onlyOwn;
      const wanted = ({ decides, approved, confirms }: Standing): boolean => all || ((decides || approved) && (confirms || !onlyOwn));
      const { items, next } = await this.standings.list(visitor.voter, { status: 'open' }, wanted, asked.data);
      return { status: 200, page: waitingPage(loggedIn(visitor), { items, next: nextQuery(asked.data, next) }, all) };
    });
  }

  @Get('reviews')
  async reviews(@Query() query: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const visitor = await this.visitors.of(request);
      if (visitor === undefined) return toLogin('/approvals/reviews');
      const asked = PartQuery.safeParse(query);
      if (!asked.success) return unknownPage();
      const { items, next } = await this.standings.list(visitor.voter, { review: 'due' }, () => true, asked.data);
      return { status: 200, page: reviewsPage(loggedIn(visitor), { items, next: nextQuery(asked.data, next) }) };
    });
  }

  @Get(':approval')
  async show(@Param('approval') approval: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      if (!isUlid(approval)) return noSuchPage();
      const visitor = await this.visitors.of(request, true);
      return visitor === undefined ? toLogin(`/approvals/${approval}`) : this.present(approval, visitor);
    });
  }

  @Post(':approval/decision')
  async decide(@Param('approval') approval: string, @Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.act({ approval, own: true, body, request, reply }, Decision, async (form, visitor) => {
      await this.deciding.vote({ ...form, approval, voter: visitor.voter, via: 'browser', fresh: this.isFresh(visitor, approval) });
    });
  }

  @Post(':approval/break-glass')
  async breakGlass(@Param('approval') approval: string, @Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.act({ approval, own: false, body, request, reply }, Emergency, async (form, visitor) => {
      // A browser that was left open must not be enough for this, whatever the rule says about other decisions.
      if (!this.isFresh(visitor, approval)) throw new ProblemError(freshLogin, 'a call is let run alone only with a login made for it: log in again');
      await this.deciding.breakGlass({ ...form, approval, voter: visitor.voter, via: 'browser', fresh: true });
    });
  }

  @Post(':approval/cancel')
  async cancel(@Param('approval') approval: string, @Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.act({ approval, own: true, body, request, reply }, Withdrawal, async ({ reason }, { voter }) => {
      await this.deciding.cancel(approval, voter, false, reason);
    });
  }

  @Post(':approval/review')
  async review(@Param('approval') approval: string, @Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.act({ approval, own: false, body, request, reply }, ReviewForm, async ({ verdict, comment }, { voter }) => {
      await this.deciding.review({ approval, voter, verdict, comment });
    });
  }

  /** Does what one of our forms asks for. What is refused is said on the page of the request. */
  private async act<Form extends { readonly csrf: string }>(
    { approval, own, body, request, reply }: Sent,
    schema: z.ZodType<Form>,
    work: (form: Omit<Form, 'csrf'>, visitor: Visitor) => Promise<void>,
  ): Promise<void> {
    const path = `/approvals/${approval}`;
    await this.visitors.answer(reply, async () => {
      if (!isUlid(approval)) return noSuchPage();
      const visitor = await this.visitors.of(request, own);
      if (visitor === undefined) return toLogin(path);
      const sent = schema.safeParse(body);
      if (!sent.success || !this.visitors.sentIt(request, visitor, sent.data.csrf)) return notOurs(path);
      const { csrf: _, ...form } = sent.data;
      try {
        await work(form, visitor);
      } catch (error) {
        if (!(error instanceof ProblemError) || error.body.status === 404) throw error;
        return this.present(approval, visitor, error);
      }
      return { status: 303, location: path };
    });
  }

  private async present(approval: string, visitor: Visitor, refusal?: ProblemError): Promise<PageAnswer> {
    const detail = await this.deciding.show(visitor.voter.tenant, approval);
    const row = await findRequest(this.dataSource, visitor.voter.tenant, approval);
    const [standing] = await this.standings.of(visitor.voter, row === null ? [] : [row]);
    if (visitor.voter.onlyOwn === true && standing?.confirms !== true) throw this.visitors.notApprover();
    const page = requestPage(detail, {
      visitor: loggedIn(visitor),
      standing: standing!,
      fresh: this.isFresh(visitor, approval),
      ...(refusal === undefined ? {} : { outcome: { refused: true, words: `${refusal.body.title}: ${refusal.body.detail}` } }),
    });
    return { status: refusal?.body.status ?? 200, page };
  }

  private isFresh({ session }: Visitor, approval: string): boolean {
    return session.fresh?.approval === approval && session.fresh.age_s <= this.settings.freshLogin_s;
  }
}

function loggedIn({ voter, csrf }: Visitor): LoggedIn {
  return { person: voter.person, csrf, onlyOwn: voter.onlyOwn === true };
}
