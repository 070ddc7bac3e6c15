import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from './access.js';
import type { Health } from './health.js';
import { HEALTH, OPEN_API } from './tokens.js';

/** Health, for whoever runs the process, and the description of the control API. */
@Controller()
@Public()
export class HostController {
  constructor(
    @Inject(HEALTH) private readonly health: Health,
    @Inject(OPEN_API) private readonly openApi: unknown,
  ) {}

  /** The process runs. Says nothing about what it depends on: a restart would not help those. */
  @Get('health/live')
  @Header('cache-control', 'no-store')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** 200 when everything it depends on answers, 503 otherwise; each check by name. */
  @Get('health/ready')
  @Header('cache-control', 'no-store')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    const readiness = await this.health.readiness();
    void reply.status(readiness.ready ? 200 : 503);
    return { status: readiness.ready ? 'ok' : 'unavailable', checks: readiness.checks };
  }

  /** What the services of this process answer. */
  @Get('openapi.json')
  document(): unknown {
    return this.openApi;
  }
}
