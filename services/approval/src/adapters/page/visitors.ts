import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { HostSettings } from '@customhouse/nest/config';
import { ProblemError } from '@customhouse/nest/problem';
import { problemOf } from '@customhouse/nest/problem-filter';
import { dataSourceOf, HOST_SETTINGS, LOGGER } from '@customhouse/nest/tokens';
import type { PageSettings } from '../../places.js';
import type { Voter } from '../deciding.js';
import { Identities } from '../identities.js';
import { same, Tokens } from '../tokens.js';
import type { PageAnswer } from './answers.js';
import { Cookies } from './cookies.js';
import { messagePage, pageHeaders } from './html.js';
import { LoginRefused, type LoggedIn } from './login.js';
import { closeSession, findSession, openSession, type Session } from './sessions.js';

/** Injection token of PageSettings. */
export const PAGE_SETTINGS = Symbol('PageSettings');

/** Somebody whose browser is logged in. */
export interface Visitor {
  readonly voter: Voter;
  readonly session: Session;
  /** Goes into every form, and comes back with it. */
  readonly csrf: string;
}

/** Who looks at our pages: sessions, and what a browser may be made to send without the person's will. */
@Injectable()
export class Visitors {
  readonly cookies: Cookies;

  constructor(
    @Inject(PAGE_SETTINGS) private readonly settings: PageSettings,
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(HOST_SETTINGS) private readonly host: HostSettings,
    @Inject(Identities) private readonly identities: Identities,
    @Inject(Tokens) private readonly tokens: Tokens,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.cookies = new Cookies(settings.publicUrl);
  }

  /** Begins a session for whoever has logged in. `approval`: what a fresh login was made for. */
  async enter(who: LoggedIn, approval: string | undefined, reply: FastifyReply): Promise<void> {
    const { issuer, subject, person, groups } = who;
    const approver = groups.some((group) => this.settings.approverGroups.includes(group));
    await this.identities.signedIn({ tenant: this.host.tenant, issuer, subject, person, groups, approver });
    const fresh = who.fresh_s === null || approval === undefined ? null : { approval, since_s: who.fresh_s };
    const secret = await openSession(this.dataSource.manager, { issuer, subject, fresh }, this.settings.session_s);
    void reply.header('set-cookie', [this.cookies.take('login'), this.cookies.give('session', secret, this.settings.session_s)]);
  }

  /** Undefined when nobody is logged in there. `own`: also somebody who is no approver; they are shown nothing but what they may confirm. Throws LoginRefused. */
  async of(request: FastifyRequest, own = false): Promise<Visitor | undefined> {
    const session = await findSession(this.dataSource.manager, this.cookies.read(request.headers.cookie, 'session'));
    const voter = session && (await this.identities.voterOf({ kind: 'oidc', authority: session.issuer, subject: session.subject }, own));
    if (session === undefined || voter === undefined || voter === 'unknown' || voter === 'stale') return undefined;
    if (voter === 'not-approver') throw this.notApprover();
    return { voter, session, csrf: this.tokens.make('csrf', { session: session.id }, this.settings.session_s) };
  }

  notApprover(): LoginRefused {
    return new LoginRefused(`you may not decide about this: the OpenID provider does not say that you are in the group ${this.settings.approverGroups.join(' or ')}`);
  }

  /** Whether a form is one of ours, sent from our page in this session. */
  sentIt(request: FastifyRequest, { session }: Visitor, csrf: unknown): boolean {
    // Browsers name the origin with every form; what does not come from our page does not count.
    if (request.headers.origin !== this.settings.publicUrl || typeof csrf !== 'string') return false;
    const of = this.tokens.read<{ session: string }>('csrf', csrf);
    return of !== undefined && same(of.session, session.id);
  }

  async leave({ session }: Visitor, reply: FastifyReply): Promise<void> {
    await closeSession(this.dataSource.manager, session.id);
    void reply.header('set-cookie', this.cookies.take('session'));
  }

  /** Answers as a page whatever comes of it, errors as well. */
  async answer(reply: FastifyReply, work: () => Promise<PageAnswer>): Promise<void> {
    let answer: PageAnswer;
    try {
      answer = await work();
    } catch (error) {
      answer = this.failure(error);
    }
    void reply.status(answer.status).headers(pageHeaders);
    if ('location' in answer) await reply.header('location', answer.location).send();
    else await reply.send(answer.page);
  }

  private failure(error: unknown): PageAnswer {
    if (error instanceof LoginRefused) {
      this.logger.info({ error }, 'a login to the page was refused');
      return { status: 403, page: messagePage('Not logged in', error.message) };
    }
    const { status, title, detail } = error instanceof ProblemError ? error.body : problemOf(error, this.logger);
    return { status, page: messagePage(title, detail) };
  }
}
