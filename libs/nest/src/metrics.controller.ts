import { Controller, Get, Inject, Res, type Type } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public, Roles } from './access.js';
import type { HostMetrics } from './metrics.js';
import { HOST_METRICS } from './tokens.js';

/** Metrics in the format of Prometheus. Who may read them is a setting, so the class is made once the settings are known. */
export function metricsController(open: boolean): Type {
  @Controller()
  @(open ? Public() : Roles('operator', 'auditor'))
  class MetricsController {
    constructor(@Inject(HOST_METRICS) private readonly metrics: HostMetrics) {}

    @Get('metrics')
    async text(@Res() reply: FastifyReply): Promise<void> {
      const text = await this.metrics.text();
      void reply.header('content-type', this.metrics.registry.contentType).header('cache-control', 'no-store').send(text);
    }
  }
  return MetricsController;
}
