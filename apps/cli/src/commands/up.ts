import type { Command } from 'commander';
import type { Embedded } from '@customhouse/embedded/embedded';
import { CliProblem, type Exit } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { listenForStop } from '../stop-signals.js';
import { greeting } from '../up/greeting.js';
import { agentKey, registerSamples } from '../up/set-up.js';

interface UpOptions {
  readonly host: string;
  readonly port?: string;
  readonly apiPort?: string;
  readonly demo?: true;
  readonly demoServers: boolean;
}

export function addUp(program: Command, runtime: Runtime): void {
  const command = program
    .command('up')
    .summary('run the whole gateway in this process')
    .description(
      'Runs all services in one process, with a PostgreSQL of its own that npm brings, until Ctrl-C. Everything it keeps is in the data folder and there at the next start. CUSTOMHOUSE_DATABASE_URL names another PostgreSQL, CUSTOMHOUSE_LOG_URL=kafka://… keeps the log in Kafka, and every other setting of the services counts as well. With --json one line is printed when it is ready: the addresses, and the key of an agent.',
    )
    .option('--host <address>', 'address to listen on; on any but loopback, agents need keys', '127.0.0.1')
    .option('--port <port>', 'port for agents (8400, or a free one when that is taken); 0 takes any free one')
    .option('--api-port <port>', 'port of the control API (8401, or a free one when that is taken)')
    .option('--demo', 'show three governed calls when it is ready')
    .option('--no-demo-servers', 'do not register the sample server "everything" at the first start')
    .action(runtime.action(up));
  withExamples(
    command,
    { what: 'On this machine, with the usual ports', command: 'customhouse up' },
    { what: 'For a script: any free ports, data of its own', command: 'customhouse up --json --port 0 --data ./gateway-data' },
    { what: 'The log in Kafka', command: 'CUSTOMHOUSE_LOG_URL=kafka://127.0.0.1:9092 customhouse up' },
  );
}

async function up(session: Session, options: UpOptions): Promise<Exit> {
  const { terminal } = session;
  const stop = stopSignal(terminal.note.bind(terminal));
  const gateway = await start(session, options, stop);
  try {
    if (options.demoServers) await registerSamples(session, gateway, stop);
    const key = terminal.json ? await agentKey(session, gateway, stop) : undefined;
    gateway.announce();
    if (options.demo) await demonstrate(session, gateway, stop);
    const { mcp, api, operatorKeyFile, logFile } = gateway;
    terminal.result({ ready: true, mcp, api, key, operator_key_file: operatorKeyFile, data: session.dataFolder, log_file: logFile }, () => greeting(session, gateway));
    await aborted(stop);
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await gateway.close();
    if (stop.aborted) terminal.note(`Stopped. The data stays in ${session.dataFolder}`);
    // Listening for the end of whoever started us keeps this process alive.
    if (process.connected) process.disconnect();
  }
  return 'ok';
}

function stopSignal(note: (text: string) => void): AbortSignal {
  const stopped = new AbortController();
  listenForStop(
    process,
    () => performance.now(),
    () => {
      note('\nStopping … (once more: at once; the data is safe either way)');
      stopped.abort(new CliProblem('interrupted', 'stopped'));
    },
    // The database notices that we are gone, and ends in order by itself.
    () => process.exit(130),
  );
  return stopped.signal;
}

async function start(session: Session, options: UpOptions, signal: AbortSignal): Promise<Embedded> {
  const { terminal, surroundings, dataFolder } = session;
  const begun = performance.now();
  const port = portOf(options.port, '--port');
  const apiPort = portOf(options.apiPort, '--api-port') ?? (port === 0 ? 0 : undefined);
  const progress = (message: string) => terminal.note(`${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${message}`);
  progress('loading');
  // Here, because it is all of the gateway, and no other command needs it.
  const { startEmbedded } = await import('@customhouse/embedded/embedded');
  const { startProblem } = await import('@customhouse/embedded/problem');
  try {
    return await startEmbedded({
      data: dataFolder,
      host: options.host,
      port,
      apiPort,
      environment: surroundings.environment,
      onProgress: progress,
      onProblem: (message) => terminal.note(`problem: ${message}`),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const message = startProblem(error);
    if (message === undefined) throw error;
    const again = (error as Error).name === 'AlreadyRunning';
    throw new CliProblem('failed', message, {
      hint: again ? 'Use that one ("customhouse doctor" says where it is), stop it, or start another with --data DIR.' : `The log is ${dataFolder}/customhouse.log`,
      cause: error,
    });
  }
}

async function demonstrate(session: Session, gateway: Embedded, signal: AbortSignal): Promise<void> {
  const { demonstration } = await import('../up/demonstration.js');
  try {
    for await (const line of demonstration(session, gateway, signal)) session.terminal.show(line);
  } catch (error) {
    if (!(error instanceof CliProblem) || signal.aborted) throw error;
    // It shows what can be done; the gateway does not depend on it.
    session.terminal.note(`The demonstration ended early: ${error.message}`);
  }
}

function portOf(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new CliProblem('usage', `${option} is "${text}": it must be a port, 0 to 65535`);
  return Number(text);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
}
