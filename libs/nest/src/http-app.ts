import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { KeyDirectory } from '@customhouse/identity/key-directory';
import { AccessGuard } from './access-guard.js';
import type { HostSettings } from './config.js';
import { HostController } from './host.controller.js';
import { NestLogger } from './logger.js';
import type { HostMetrics } from './metrics.js';
import { metricsController } from './metrics.controller.js';
import { ProblemFilter } from './problem-filter.js';
import { StartError } from './start-error.js';
import { RequestValidation } from './validation.js';

export interface HttpAppParts {
  readonly modules: readonly DynamicModule[];
  /** What every module may inject. */
  readonly values: ReadonlyMap<symbol, unknown>;
  readonly keys: KeyDirectory;
  readonly settings: HostSettings;
  readonly metrics: HostMetrics;
  readonly logger: Logger;
}

@Module({})
class HostModule {}

@Module({})
class ProcessModule {}

/** The Nest application of the process, not yet listening: a control API that refuses whoever it was not told to serve. */
export async function createHttpApp(parts: HttpAppParts): Promise<NestFastifyApplication> {
  const { settings } = parts;
  const adapter = new FastifyAdapter({
    bodyLimit: settings.apiBodyLimit_bytes,
    requestTimeout: settings.apiRequestTimeout_ms,
    // Idle connections are closed at shutdown, busy ones may end what they do.
    forceCloseConnections: 'idle',
    // The address of a client is what the socket says: nothing here trusts X-Forwarded-For.
    trustProxy: false,
    logger: false,
  });
  observeRequests(adapter, parts);
  const app = await NestFactory.create<NestFastifyApplication>(processModule(parts), adapter, {
    logger: new NestLogger(parts.logger),
    abortOnError: false,
    // What others sign, they sign as bytes.
    rawBody: true,
  });
  app.useGlobalGuards(new AccessGuard({ keys: parts.keys, tenant: settings.tenant, bootstrapKey: settings.bootstrapKey }));
  app.useGlobalPipes(new RequestValidation());
  app.useGlobalFilters(new ProblemFilter(parts.logger));
  return app;
}

function processModule(parts: HttpAppParts): DynamicModule {
  const providers = [...parts.values].map(([provide, useValue]) => ({ provide, useValue }));
  const controllers: Type[] = [HostController, metricsController(parts.settings.metricsPublic)];
  const host: DynamicModule = { module: HostModule, global: true, providers, exports: providers.map(({ provide }) => provide), controllers };
  return { module: ProcessModule, imports: [host, ...parts.modules] };
}

function observeRequests(adapter: FastifyAdapter, { metrics, logger }: HttpAppParts): void {
  const fastify = adapter.getInstance();
  fastify.addHook('onRequest', async (_request: FastifyRequest, reply: FastifyReply) => {
    void reply.header('x-content-type-options', 'nosniff');
  });
  fastify.addHook('onResponse', async (request: FastifyRequest, reply: FastifyReply) => {
    // The route as declared, not the address: that has ids in it, and there would be a series for each.
    const route = request.routeOptions.url ?? 'none';
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    metrics.requests.observe(labels, reply.elapsedTime / 1_000);
    logger.debug({ ...labels, ms: Math.round(reply.elapsedTime) }, 'request');
  });
}

/** Begins to listen and answers the URL. Throws StartError naming the port and what to do. */
export async function listen(app: NestFastifyApplication, settings: HostSettings): Promise<string> {
  const { apiHost, apiPort } = settings;
  try {
    await app.listen(apiPort, apiHost);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'EADDRINUSE')
      throw new StartError(
        `the control API cannot listen on ${apiHost}:${apiPort}: the port is in use. Stop what uses it, or set CUSTOMHOUSE_API_PORT to another port (0 takes any free one)`,
      );
    if (code === 'EACCES') throw new StartError(`the control API may not listen on ${apiHost}:${apiPort}: ports below 1024 are for root. Set CUSTOMHOUSE_API_PORT to another port`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new StartError(`the control API cannot listen on ${apiHost}:${apiPort}: this machine has no such address. Set CUSTOMHOUSE_API_HOST to one that it has`);
    throw error;
  }
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address !== null ? address.port : apiPort;
  // An address that means "all of them" is no address to call.
  const host = apiHost === '0.0.0.0' || apiHost === '::' ? '127.0.0.1' : apiHost;
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

/** Takes no more connections, lets running requests end, and cuts off what still runs after the time. */
export async function drain(app: NestFastifyApplication, timeout_ms: number): Promise<void> {
  const server = app.getHttpServer();
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection that a client keeps for its next request would hold us up.
  const sweeper = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), timeout_ms);
  await closed;
  clearInterval(sweeper);
  clearTimeout(cut);
}
