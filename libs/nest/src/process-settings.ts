import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { loadSettings, SettingsError, type Environment, type SettingsDefinition } from '@customhouse/settings/settings';
import { logSettings, writerSettings, type LogSettings, type WriterSettings } from '@customhouse/event-log/settings';
import { hostSettings, type HostSettings } from './config.js';
import type { ServiceDefinition } from './service.js';

export interface ProcessSettings {
  readonly host: HostSettings & { readonly instance: string };
  readonly log: LogSettings;
  readonly writer: WriterSettings;
  /** By service name. */
  readonly services: ReadonlyMap<string, unknown>;
}

/** Reads the settings of the host, the log and all services, and reports all faults together. Throws SettingsError. */
export function loadProcessSettings(services: readonly ServiceDefinition[], environment: Environment): ProcessSettings {
  const problems: string[] = [];
  const load = <D extends SettingsDefinition>(definition: D) => {
    try {
      return loadSettings(definition, environment, (path) => readFileSync(path, 'utf8'));
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const host = load(hostSettings);
  const log = load(logSettings);
  const writer = load(writerSettings);
  const loaded = new Map(services.map((service) => [service.name, load(service.settings)]));
  if (host) problems.push(...contradictions(host, services));
  if (!host || !log || !writer || problems.length > 0) throw new SettingsError(problems);
  const instance = host.instance ?? defaultInstance(services);
  return { host: { ...host, instance }, log, writer, services: loaded };
}

function contradictions(host: HostSettings, services: readonly ServiceDefinition[]): string[] {
  const problems: string[] = [];
  if (host.development && !isLoopback(host.apiHost)) {
    problems.push(
      `CUSTOMHOUSE_DEVELOPMENT is "true" while CUSTOMHOUSE_API_HOST is "${host.apiHost}": the development profile is for loopback only; bind to 127.0.0.1 or switch it off`,
    );
  }
  const needy = services.filter((service) => service.migrations);
  if (needy.length > 0 && host.databaseUrl === undefined) {
    problems.push(`CUSTOMHOUSE_DATABASE_URL is required by ${needy.map((service) => service.name).join(', ')}: postgres://user:password@host:5432/database`);
  }
  return problems;
}

/** True for addresses that only this machine can reach. Names other than `localhost` are not looked up and count as reachable. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function defaultInstance(services: readonly ServiceDefinition[]): string {
  const name = services.length === 1 ? services[0]!.name : 'customhouse';
  return `${name}-${hostname()}`.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 100);
}
