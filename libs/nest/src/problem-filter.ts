import { randomUUID } from 'node:crypto';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { throwError, type Observable } from 'rxjs';
import { internal, invalidRequest, notFound, problemBody, tooLarge, unavailable, type Problem } from '@customhouse/http-contract/problem';
import { isPassing } from '@customhouse/event-store/failures';
import { LogIndeterminate, LogRefused } from '@customhouse/event-log/sink';
import { ProblemError } from './problem.js';

/** Turns whatever a handler throws into problem+json (RFC 9457). What an event handler throws goes on to the consumer as it is. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): Observable<never> | void {
    if (host.getType() === 'rpc') return throwError(() => error);
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (reply.sent || reply.raw.headersSent) {
      // A stream that breaks in the middle can only be cut off: the client sees that it did not end.
      this.logger.error({ error }, 'an answer broke off');
      reply.raw.destroy();
      return;
    }
    const body = problemOf(error, this.logger);
    void reply.code(body.status).header('content-type', 'application/problem+json').header('cache-control', 'no-store');
    if (body.status === 401) void reply.header('www-authenticate', 'Bearer');
    void reply.send(JSON.stringify(body));
  }
}

/** Fastify says the same of both, and Nest passes on no more than these words. */
const notTaken = { said: 'Body is not valid JSON', means: 'the body is no JSON, or an object in it has a member called __proto__, which is not taken: give it another name' };

export function problemOf(error: unknown, logger: Logger): Problem {
  if (error instanceof ProblemError) return error.body;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return problemBody(tooLarge, 'the body is longer than CUSTOMHOUSE_API_BODY_LIMIT_BYTES');
  if (error instanceof HttpException) return fromHttpException(error);
  // What Fastify refuses before a handler runs: malformed JSON, a wrong media type, a bad path.
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) return problemBody({ ...invalidRequest, status: statusCode }, messageOf(error));
  if (error instanceof LogRefused || error instanceof LogIndeterminate || isPassing(error)) {
    logger.warn({ error }, 'a request could not be served');
    return problemBody(unavailable, error instanceof LogRefused || error instanceof LogIndeterminate ? 'the log cannot be written' : 'the database does not answer');
  }
  const incident = randomUUID();
  logger.error({ error, incident }, 'a request failed');
  return problemBody(internal, `incident ${incident}`);
}

function fromHttpException(error: HttpException): Problem {
  const status = error.getStatus();
  if (status === 404) return problemBody(notFound, error.message);
  const kind = status === 413 ? tooLarge : status === 503 ? unavailable : status >= 500 ? internal : invalidRequest;
  return problemBody({ ...kind, status }, error.message.startsWith(notTaken.said) ? notTaken.means : error.message);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
