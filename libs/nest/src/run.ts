import type { Environment } from '@customhouse/settings/settings';
import type { ServiceDefinition } from './service.js';

export interface RunOptions {
  /** One service, or all six. */
  readonly services: readonly ServiceDefinition[];
  readonly environment: Environment;
  /** SIGTERM and SIGINT close the process in order. Default true. */
  readonly signals?: boolean;
}

export interface Running {
  /** `http://127.0.0.1:8401`. */
  readonly apiUrl: string;
  readonly instance: string;
  /** Resolves when `/health/ready` said yes for the first time. Rejects when the process is closed before. */
  readonly ready: Promise<void>;
  /** Something that a module provides, by its token. */
  get<T>(token: unknown): T;
  /** Orderly and bounded; safe to call twice. */
  close(): Promise<void>;
}

/** Hosts services: settings, log, databases, Nest application, consumers, health. Throws SettingsError or StartError with what to do. */
export declare function runServices(options: RunOptions): Promise<Running>;
