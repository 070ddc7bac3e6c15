/** The part of pino that this library writes to. Messages never carry header values, arguments or results. */
export interface UpstreamLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export const silentLogger: UpstreamLogger = { debug() {}, info() {}, warn() {} };

/** Adds these fields to everything that is written. */
export function withFields(logger: UpstreamLogger, fields: object): UpstreamLogger {
  return {
    debug: (more, message) => logger.debug({ ...fields, ...more }, message),
    info: (more, message) => logger.info({ ...fields, ...more }, message),
    warn: (more, message) => logger.warn({ ...fields, ...more }, message),
  };
}
