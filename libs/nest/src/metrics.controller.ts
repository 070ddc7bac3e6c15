import { Controller, Get, Inject, Res, type Type } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import { Public, Roles } from './access.js';
import { METRICS } from './tokens.js';

/** Metrics in the format of Prometheus. Who may read them is a setting, so the class is made once the settings are known. */
export function metricsController(open: boolean): Type {
  @Controller()
  @(open ? Public() : Roles('operator', 'auditor'))
  class MetricsController {
    constructor(@Inject(METRICS) private readonly registry: Registry) {}

    @Get('metrics')
    async metrics(@Res() reply: FastifyReply): Promise<void> {
      const text = await this.registry.metrics();
      void reply.header('content-type', this.registry.contentType).header('cache-control', 'no-store').send(text);
    }
  }
  return MetricsController;
}
