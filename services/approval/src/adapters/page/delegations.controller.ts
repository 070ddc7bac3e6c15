import { Body, Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { approvalRoutes } from '@customhouse/http-contract/approval';
import { timestamp } from '@customhouse/kernel/time';
import { Public } from '@customhouse/nest/access';
import { ProblemError } from '@customhouse/nest/problem';
import { Delegations } from '../delegations.js';
import { notOurs, toLogin, unknownPage, type PageAnswer } from './answers.js';
import { delegationsPage } from './delegations-page.js';
import { isUlid, nextQuery, PartQuery, sentForm, words } from './forms.js';
import type { Outcome } from './html.js';
import { Visitors, type Visitor } from './visitors.js';

const path = '/approvals/delegations';
const units_ms = { hours: 3_600_000, days: 86_400_000 } as const;
const Gift = sentForm({ to: z.string().max(300), amount: z.coerce.number().int().min(1).max(10_000), unit: z.enum(['hours', 'days']), reason: words });
const Withdrawal = sentForm({});

/** The page on which people let others decide in their place. */
@Controller('approvals/delegations')
@Public()
export class DelegationsController {
  constructor(
    @Inject(Visitors) private readonly visitors: Visitors,
    @Inject(Delegations) private readonly delegations: Delegations,
  ) {}

  @Get()
  async show(@Query() query: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const visitor = await this.visitors.of(request);
      return visitor === undefined ? toLogin(path) : this.present(visitor, query);
    });
  }

  @Post()
  async give(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.act(body, request, reply, Gift, async ({ to, amount, unit, reason }, { voter }) => {
      const gift = approvalRoutes.delegate.body!.safeParse({ to: to.trim(), expires: timestamp(Date.now() + amount * units_ms[unit]), reason });
      if (!gift.success) return gift.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`).join('; ');
      await this.delegations.give(voter, gift.data.to, gift.data.expires, gift.data.reason);
      return undefined;
    });
  }

  @Post(':delegation/withdraw')
  async withdraw(@Param('delegation') delegation: string, @Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.act(body, request, reply, Withdrawal, async (_, { voter }) => {
      if (!isUlid(delegation)) return 'There is no such delegation.';
      await this.delegations.revoke(delegation, voter, false);
      return undefined;
    });
  }

  /** Does what one of our forms asks for; `work` answers what is wrong with it, if anything. */
  private async act<Form extends { readonly csrf: string }>(
    body: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
    schema: z.ZodType<Form>,
    work: (form: Form, visitor: Visitor) => Promise<string | undefined>,
  ): Promise<void> {
    await this.visitors.answer(reply, async () => {
      const visitor = await this.visitors.of(request);
      if (visitor === undefined) return toLogin(path);
      const sent = schema.safeParse(body);
      if (!sent.success || !this.visitors.sentIt(request, visitor, sent.data.csrf)) return notOurs(path);
      try {
        const wrong = await work(sent.data, visitor);
        if (wrong !== undefined) return await this.present(visitor, {}, { status: 400, words: wrong });
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        return this.present(visitor, {}, { status: error.body.status, words: `${error.body.title}: ${error.body.detail}` });
      }
      return { status: 303, location: path };
    });
  }

  private async present({ voter, csrf }: Visitor, query: unknown, refusal?: { readonly status: number; readonly words: string }): Promise<PageAnswer> {
    const asked = PartQuery.safeParse(query);
    if (!asked.success) return unknownPage();
    const { limit, before } = asked.data;
    const found = await this.delegations.list(voter.tenant, { of: voter.person, before, limit });
    const items = found.slice(0, limit);
    const next = nextQuery(asked.data, found.length > limit ? items.at(-1)!.delegation : null);
    const outcome: Outcome | undefined = refusal && { refused: true, words: refusal.words };
    return {
      status: refusal?.status ?? 200,
      page: delegationsPage({ person: voter.person, csrf, onlyOwn: false }, { items, next, groups: voter.groups, now: Date.now(), ...(outcome && { outcome }) }),
    };
  }
}
