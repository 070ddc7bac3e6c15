import { chmodSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { approvalService } from '@customhouse/approval/service';
import { auditService } from '@customhouse/audit/service';
import { Ingress } from '@customhouse/ingress/ingress';
import { ingressService } from '@customhouse/ingress/service';
import { startLocalPostgres, type LocalPostgres } from '@customhouse/local-postgres/local-postgres';
import { createLogger } from '@customhouse/nest/logger';
import { endOnStrayErrors } from '@customhouse/nest/main';
import { loadProcessSettings } from '@customhouse/nest/process-settings';
import { keepHeapSmall } from '@customhouse/nest/heap';
import { runServices, type Running, type RunOptions } from '@customhouse/nest/run';
import { policyService } from '@customhouse/policy/service';
import { registryService } from '@customhouse/registry/service';
import { scannerService } from '@customhouse/scanner/service';
import type { Environment } from '@customhouse/settings/settings';
import { filesOf, names, settingsOf } from './environment.js';
import { openLogFile, type LogFile } from './log-file.js';
import { choosePorts } from './ports.js';
import { EmbeddedProblem } from './problem.js';
import { announce, claim, release } from './running.js';

export interface EmbeddedOptions {
  /** Absolute. Made when it does not exist. */
  readonly data: string;
  readonly host: string;
  /** For agents. 0: any free one; undefined: 8400, or a free one when that is taken. */
  readonly port: number | undefined;
  /** For the control API: the same, with 8401. */
  readonly apiPort: number | undefined;
  readonly environment: Environment;
  /** What is going on, in words. */
  readonly onProgress: (message: string) => void;
  /** Something went wrong while it runs; the log has the details. */
  readonly onProblem: (message: string) => void;
  /** Ends the start, wherever it is. */
  readonly signal: AbortSignal;
}

/** The whole gateway, running in this process. */
export interface Embedded {
  /** `http://127.0.0.1:8400/mcp` */
  readonly mcp: string;
  /** `http://127.0.0.1:8401` */
  readonly api: string;
  /** Null when the environment held the key itself. */
  readonly operatorKeyFile: string | null;
  readonly operatorKey: string;
  readonly logFile: string;
  readonly log: 'PostgreSQL' | 'Kafka';
  /** True where agents on this machine need no key. */
  readonly development: boolean;
  /** Tells the command line where the gateway is. */
  announce(): void;
  /** Orderly, in seconds; data stays. Safe to call twice. */
  close(): Promise<void>;
}

const services = [registryService, policyService, scannerService, approvalService, auditService, ingressService];

/** Starts the gateway and answers when it is ready for calls. Rejects with an error whose message `startProblem` gives, or with the signal's reason. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { data, environment, signal } = options;
  const claimed = claimFolder(data);
  const files = filesOf(data);
  let postgres: LocalPostgres | undefined;
  let running: Running | undefined;
  const file = openLogFile(files.log, options.onProblem);
  const close = once(async () => {
    await running?.close();
    await postgres?.stop();
    release(data);
    file.close();
  });
  try {
    const addresses = await addressesOf(options);
    const ownDatabase = !names(environment, 'CUSTOMHOUSE_DATABASE_URL');
    // Faults of the settings are told before anything is started; the address of the database is not known yet.
    const { host } = loadProcessSettings(services, settingsOf(data, environment, addresses, ownDatabase ? 'postgres://127.0.0.1/customhouse' : undefined));
    if (ownDatabase) postgres = await startDatabase(options, files.postgres);
    signal.throwIfAborted();
    const settings = settingsOf(data, environment, addresses, postgres?.url);
    const logger = createLogger({ service: 'customhouse', instance: host.instance, level: host.logLevel, destination: file });
    running = await startServices(settings, logger, file, options);
    endOnStrayErrors(running);
    signal.throwIfAborted();
    await becomeReady(running, options);
    const mcp = running.get<Ingress>(Ingress).url;
    const api = running.apiUrl;
    const { operatorKey, operatorKeyFile } = operatorOf(environment, files.operatorKey);
    return {
      mcp,
      api,
      operatorKeyFile,
      operatorKey,
      logFile: files.log,
      log: settings['CUSTOMHOUSE_LOG_URL']?.startsWith('kafka:') ? 'Kafka' : 'PostgreSQL',
      development: host.development,
      announce: () => announce({ ...claimed, state: 'ready', mcp, api, operator_key_file: operatorKeyFile }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function operatorOf(environment: Environment, ownFile: string): { operatorKey: string; operatorKeyFile: string | null } {
  const { CUSTOMHOUSE_BOOTSTRAP_KEY: key, CUSTOMHOUSE_BOOTSTRAP_KEY_FILE: file } = environment;
  if (key) return { operatorKey: key, operatorKeyFile: null };
  const operatorKeyFile = resolve(file || ownFile);
  return { operatorKey: readFileSync(operatorKeyFile, 'utf8').trim(), operatorKeyFile };
}

function claimFolder(data: string) {
  let claimed;
  try {
    claimed = claim(data, new Date().toISOString());
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOENT' || code === 'ENOTDIR')
      throw new EmbeddedProblem(`the data folder ${data} cannot be made or written (${code}): choose another one with --data DIR, or set CUSTOMHOUSE_DATA_DIR`, { cause: error });
    throw error;
  }
  // Root's database server runs as another user, which must pass through; every secret file is closed by its own mode.
  if (process.getuid?.() === 0) chmodSync(data, 0o711);
  return claimed;
}

async function addressesOf({ host, port, apiPort, environment, onProgress }: EmbeddedOptions) {
  const wanted = [
    { use: 'the address for agents', asked: port ?? portIn(environment, 'CUSTOMHOUSE_INGRESS_PORT'), usual: 8400, option: '--port' },
    { use: 'the control API', asked: apiPort ?? portIn(environment, 'CUSTOMHOUSE_API_PORT'), usual: 8401, option: '--api-port' },
  ];
  const [chosen, chosenApi] = await choosePorts(host, wanted, onProgress);
  return { host, port: chosen!, apiPort: chosenApi! };
}

function portIn(environment: Environment, name: string): number | undefined {
  const text = environment[name];
  if (!text) return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new EmbeddedProblem(`${name} is "${text}": it must be a port, 0 to 65535`);
  return Number(text);
}

async function startDatabase({ onProgress, onProblem }: EmbeddedOptions, dataDir: string): Promise<LocalPostgres> {
  onProgress('starting the database');
  return startLocalPostgres({ dataDir, onProgress, onProblem: (message) => message !== undefined && onProblem(message) });
}

/** Ends early when the start is given up: what was begun by then ends with the process. */
async function startServices(environment: Environment, logger: NonNullable<RunOptions['logger']>, file: LogFile, { onProgress, signal }: EmbeddedOptions): Promise<Running> {
  onProgress('starting the services');
  keepHeapSmall();
  const timer = setInterval(() => onProgress(`still starting: ${file.last || 'opening the log and the databases'}`), 3_000);
  try {
    return await Promise.race([runServices({ services, environment, logger }), rejectionOf(signal)]);
  } finally {
    clearInterval(timer);
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  const rejection = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  // It is raced against what may well be first; then nobody is there to hear it.
  rejection.catch(() => undefined);
  return rejection;
}

/** Waits until calls can be made, and says what is being waited for when that takes long. */
async function becomeReady(running: Running, { onProgress, signal }: EmbeddedOptions): Promise<void> {
  const timer = setInterval(() => void whatIsMissing(running.apiUrl).then((missing) => missing && onProgress(`waiting: ${missing}`)), 3_000);
  try {
    await Promise.race([running.ready, rejectionOf(signal)]);
  } finally {
    clearInterval(timer);
  }
}

async function whatIsMissing(api: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${api}/health/ready`, { signal: AbortSignal.timeout(2_500) });
    const { checks } = (await response.json()) as { checks: Record<string, { status: string; detail?: string }> };
    return Object.entries(checks)
      .filter(([, check]) => check.status !== 'ok')
      .map(([name, check]) => `${name} (${check.detail ?? 'not ready'})`)
      .join(', ');
  } catch {
    // It will be asked again, and the log has the reason.
    return undefined;
  }
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= action());
}
