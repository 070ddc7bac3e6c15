/** Injection tokens of what the host provides to every module. Always inject by `@Inject(TOKEN)`. */
export const EVENT_LOG = Symbol('EventLog'); // EventLog of @customhouse/event-log/port
export const EVENT_SINK = Symbol('EventSink'); // EventSink of @customhouse/event-log/sink
export const SEALER = Symbol('Sealer'); // Sealer of @customhouse/sealing/sealer
export const KEY_DIRECTORY = Symbol('KeyDirectory'); // KeyDirectory of @customhouse/identity/key-directory
export const LOGGER = Symbol('Logger'); // pino Logger
export const HEALTH = Symbol('Health'); // Health of @customhouse/nest/health: add the checks of your own
export const METRICS = Symbol('Metrics'); // prom-client Registry: register the metrics of your own there
export const HOST_METRICS = Symbol('HostMetrics'); // HostMetrics of @customhouse/nest/metrics: the host's own
export const HOST_SETTINGS = Symbol('HostSettings'); // HostSettings of @customhouse/nest/config
export const OPEN_API = Symbol('OpenApi'); // the OpenAPI document of this process, for the host itself
export const SHUTDOWN = Symbol('Shutdown'); // AbortSignal: the process begins to stop, streams must end
export const INSTANCE = Symbol('Instance'); // name of this process, a string

/** The DataSource of one service (its own schema is the search path). Use `@Inject(dataSourceOf('audit'))`. */
export function dataSourceOf(service: string): symbol {
  return Symbol.for(`customhouse.data-source.${service}`);
}
