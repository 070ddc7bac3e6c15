import type { LoggerService } from '@nestjs/common';
import pino, { type Logger } from 'pino';

/** Members that are never written, wherever a logged object has them. Secrets do not belong into log calls at all: this is the second lock. */
const secretMembers = ['authorization', 'cookie', 'password', 'secret', 'token', 'key', 'apiKey', 'bootstrapKey', 'databaseUrl', 'connectionString'];
const redacted = [...secretMembers, ...secretMembers.map((name) => `*.${name}`), ...secretMembers.map((name) => `*.*.${name}`)];

/** JSON lines on standard output, one object an entry, with the service in each. */
export function createLogger(options: { readonly service: string; readonly instance: string; readonly level: string; readonly destination?: pino.DestinationStream }): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: { service: options.service, instance: options.instance },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: redacted, censor: '[redacted]' },
    serializers: { error: describeError, err: describeError },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}

/** Name, message, code and stack, with causes. Nothing else: TypeORM's errors carry a statement's parameters, pg's the row. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return {
    name: error.name,
    message: withoutCredentials(error.message === '' && error instanceof AggregateError ? error.errors.map(String).join('; ') : error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.stack ? { stack: withoutCredentials(error.stack) } : {}),
    ...(cause !== undefined && depth < 4 ? { cause: describeError(cause, depth + 1) } : {}),
  };
}

/** `postgres://user:password@host` loses user and password. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, '$1');
}

/** What Nest itself says, in the same form. Its information is debugging to us. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  private write(level: pino.Level, message: unknown, rest: readonly unknown[]): void {
    const context = rest.findLast((part) => typeof part === 'string');
    if (message instanceof Error) this.logger[level]({ context, error: message }, message.message);
    else this.logger[level]({ context }, typeof message === 'string' ? message : JSON.stringify(message));
  }
}
