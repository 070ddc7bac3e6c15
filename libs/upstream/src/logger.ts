/** The part of pino that this library writes to. Messages never carry header values, arguments or results. */
export interface UpstreamLogger {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export const silentLogger: UpstreamLogger = { debug() {}, warn() {} };
