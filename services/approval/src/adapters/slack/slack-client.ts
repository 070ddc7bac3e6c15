import { WebAPIPlatformError, WebAPIRateLimitedError, WebClient, type Logger as SlackLogger, type LogLevel } from '@slack/web-api';
import type { Logger } from 'pino';
import type { SlackApp } from '../../slack-settings.js';
import { NotDelivered } from '../notifier.js';

/** Injection token of WebClient. */
export const SLACK = Symbol('Slack');

const timeout_ms = 8_000;
/** Slack says no for a reason that will pass, or that somebody will see to. */
const passing = new Set(['fatal_error', 'internal_error', 'ratelimited', 'request_timeout', 'service_unavailable', 'team_added_to_org', 'not_in_channel', 'channel_not_found']);

/** The official client. It tries nothing again by itself: what is not delivered waits in the database, where it survives a restart. */
export function slackClient({ token, apiUrl }: SlackApp, logger: Logger): WebClient {
  return new WebClient(token, {
    slackApiUrl: apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: timeout_ms,
    allowAbsoluteUrls: false,
    logger: quiet(logger),
  });
}

/** What an error of the client means for a notice. */
export function undelivered(error: unknown): NotDelivered {
  if (error instanceof NotDelivered) return error;
  if (error instanceof WebAPIRateLimitedError) return new NotDelivered('Slack takes no more for now', { again: true, after_ms: error.retryAfter * 1_000, cause: error });
  if (error instanceof WebAPIPlatformError) return new NotDelivered(`Slack says ${error.data.error}`, { again: passing.has(error.data.error), cause: error });
  return new NotDelivered('Slack cannot be reached', { again: true, cause: error });
}

/** Whether Slack knows the message (any more). */
export function isGone(error: unknown): boolean {
  return error instanceof WebAPIPlatformError && ['message_not_found', 'cant_update_message', 'channel_not_found', 'is_archived', 'thread_not_found'].includes(error.data.error);
}

/** The client's own words go where ours do, without what it sends. */
function quiet(logger: Logger): SlackLogger {
  const say = (level: 'debug' | 'warn' | 'error') => (message: unknown) =>
    logger[level]({ slack: typeof message === 'string' ? message.slice(0, 500) : undefined }, 'the Slack client says something');
  return {
    debug: say('debug'),
    info: say('debug'),
    warn: say('warn'),
    error: say('error'),
    setLevel: () => undefined,
    getLevel: () => 'info' as LogLevel,
    setName: () => undefined,
  };
}
