/** A running gateway as a scenario sees it, whatever it is made of. */
export interface Gateway {
  readonly mode: Mode;
  /** `http://host:port`, without `/mcp`. */
  readonly origin: string;
  /** Base URL of a service's control API. */
  api(service: Service): string;
  readonly operatorKey: string;
  /** What the key file holds. */
  sealingKey(): Promise<string>;
  /** Host name under which upstreams on this machine are reached from the gateway. */
  readonly upstreamHost: string;
  /** Transport that starts one of the sample servers by stdio where the gateway runs. */
  stdio(server: 'everything' | 'filesystem' | 'memory', ...args: string[]): { kind: 'stdio'; command: string; args: string[]; env: Record<string, string> };
  /** The log, whole and raw, read without any code of ours. */
  rawLog(): Promise<RawRecord[]>;
  /** Runs SQL against the audit's database. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** SIGKILL to the process that runs the service (embedded: to the only one). */
  kill(service: Service): Promise<void>;
  /** Starts what `kill` or `stop` ended, with the same data. */
  restart(service: Service): Promise<void>;
  /** Stops and starts the log's engine. Undefined where it cannot be had alone. */
  engine: { stop(): Promise<void>; start(): Promise<void>; pause(): Promise<void>; resume(): Promise<void> } | undefined;
  /** An orderly end; data stays until `destroy`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  destroy(): Promise<void>;
}

export type Mode = 'embedded' | 'replicas' | 'kafka' | 'services' | 'compose';
export type Service = 'ingress' | 'policy' | 'scanner' | 'registry' | 'approval' | 'audit';

export interface RawRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
}
