import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, HttpCode, Inject, Post, Req, type RawBodyRequest } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { forbidden, invalidRequest, unauthenticated, unavailable } from '@customhouse/http-contract/problem';
import { Public } from '@customhouse/nest/access';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import type { SlackApp } from '../../slack-settings.js';
import { Interaction, Interactions, type Reaction } from './interactions.js';
import { giveBackSignature, noteAnswered, takeSignature, verifySlack } from './signature.js';
import { SLACK_APP } from './slack-messages.js';

/** Slack waits three seconds; what is not decided by then is answered with an error, so that the person clicks again. */
const patience_ms = 2_500;

const hints = {
  malformed: 'the headers X-Slack-Request-Timestamp and X-Slack-Signature are missing or malformed',
  wrong: 'the signature does not fit: is CUSTOMHOUSE_APPROVAL_SLACK_SIGNING_SECRET that of the app?',
  'too-old': 'the request is more than five minutes old, or one of the two clocks is wrong',
} as const;

/** Where Slack sends what people click: nothing in it counts before its signature was checked, and each request counts once. */
@Controller('v1/slack')
@Public()
export class SlackController {
  constructor(
    @Inject(SLACK_APP) private readonly app: SlackApp,
    @Inject(dataSourceOf('approval')) private readonly dataSource: DataSource,
    @Inject(Interactions) private readonly interactions: Interactions,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Post('interactions')
  @HttpCode(200)
  async interact(@Req() request: RawBodyRequest<FastifyRequest>): Promise<object | undefined> {
    const { rawBody, headers, body } = request;
    const signature = headers['x-slack-signature'];
    const verdict = verifySlack(this.app.signingSecret, { body: rawBody ?? Buffer.alloc(0), timestamp: headers['x-slack-request-timestamp'], signature }, Date.now());
    if (verdict !== 'valid') throw new ProblemError(unauthenticated, hints[verdict]);
    const interaction = interactionIn(body);
    if (!this.interactions.isOurs(interaction)) throw new ProblemError(forbidden, 'it comes from another app or workspace than the settings name');
    const { answer, later } = await this.once(String(signature), () => this.interactions.react(interaction));
    if (later !== undefined) this.afterwards(later);
    return answer;
  }

  /** Nothing is done for a request that was here before, unless nothing came of it. */
  private async once(signature: string, work: () => Promise<Reaction>): Promise<Reaction> {
    const { manager } = this.dataSource;
    const over = sleep(patience_ms, undefined, { ref: false }).then((): never => {
      throw new ProblemError(unavailable, 'it was not decided in time; click again');
    });
    const run = async (): Promise<Reaction> => {
      const turn = await takeSignature(manager, signature);
      if (turn === 'again') throw new ProblemError(forbidden, 'this request was here before');
      if (turn === 'busy') throw new ProblemError(unavailable, 'this request is being worked at');
      try {
        const reaction = await work();
        await noteAnswered(manager, signature);
        return reaction;
      } catch (error) {
        await giveBackSignature(manager, signature).catch((cause: unknown) => this.logger.warn({ error: cause }, 'a signature could not be given back'));
        throw error;
      }
    };
    const running = run();
    // When the time is over first, nobody hears of the failure, and what was decided stays decided.
    running.catch((error: unknown) => this.logger.debug({ error }, 'a request of Slack came to nothing'));
    return Promise.race([running, over]);
  }

  private afterwards(work: () => Promise<unknown>): void {
    void work().catch((error: unknown) => this.logger.warn({ error }, 'Slack could not be told what came of a click'));
  }
}

function interactionIn(body: unknown): Interaction {
  const { payload } = (body ?? {}) as { payload?: unknown };
  try {
    return Interaction.parse(JSON.parse(String(payload)));
  } catch (error) {
    throw new ProblemError(invalidRequest, 'the body is not an interaction with a message or dialog of this app', undefined, { cause: error });
  }
}
