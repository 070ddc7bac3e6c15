import { resolve } from 'node:path';
import { defaultDataFolder } from '@customhouse/embedded/data-folder';
import { readRunning, type Running } from '@customhouse/embedded/running';
import { ApiClient } from './api-client.js';
import { timeoutOf, type GlobalOptions } from './options.js';
import { mcpUrl, parsePlace, services, type Place, type Service } from './place.js';
import { CliProblem } from './problem.js';
import { Terminal, type Surroundings } from './terminal.js';
import { readInput } from './values.js';

/** One run of a command: what it was told, and the ways to the gateway, found when they are first needed. */
export class Session {
  readonly terminal: Terminal;
  readonly timeout_ms: number;
  private found: Place | undefined;

  constructor(
    readonly surroundings: Surroundings,
    readonly options: GlobalOptions,
    readonly signal: AbortSignal,
  ) {
    this.terminal = new Terminal(surroundings, options.json === true);
    this.timeout_ms = timeoutOf(options);
  }

  /** Whether somebody chose the time limit: where they did not, a command may have a longer one of its own. */
  get timeoutGiven(): boolean {
    return this.options.timeout !== undefined;
  }

  /** The data folder that is meant, whether or not anything runs on it. */
  get dataFolder(): string {
    const { environment, platform, home, folder } = this.surroundings;
    if (this.options.data) return resolve(folder, this.options.data);
    return defaultDataFolder({ environment, platform, home, uid: process.getuid?.() });
  }

  /** The control API of a service, with the operator's key. */
  api(service: Service): ApiClient {
    const place = this.place();
    const url = place.api[service];
    if (!url) throw new CliProblem('usage', `${place.source} does not say where the ${service} service is`, { hint: `Add ${service}=http://host:port to it.` });
    return new ApiClient({ service, url, key: this.operatorKey(), timeout_ms: this.timeout_ms, signal: this.signal });
  }

  /** Where agents connect. */
  mcp(): string {
    if (this.options.mcp) return mcpUrl(this.options.mcp, '--mcp or CUSTOMHOUSE_MCP_URL');
    const place = this.place();
    if (!place.mcp)
      throw new CliProblem('usage', `${place.source} does not say where agents connect`, {
        hint: 'Give --mcp URL (or CUSTOMHOUSE_MCP_URL), for example --mcp http://127.0.0.1:8400/mcp',
      });
    return place.mcp;
  }

  place(): Place {
    this.found ??= this.options.api ? parsePlace(this.options.api, '--api or CUSTOMHOUSE_API_URL') : placeOf(this.running());
    return this.found;
  }

  /** The gateway that runs on the data folder. Throws CliProblem when none does. */
  running(): Running {
    const folder = this.dataFolder;
    const found = readRunning(folder);
    if (found.state === 'ready') return found.running;
    if (found.state === 'starting')
      throw new CliProblem('unreachable', `the gateway on ${folder} (process ${found.running.pid}) is still starting`, { hint: 'Try again in a moment.' });
    const why = found.state === 'stale' ? `the gateway that ran on ${folder} has ended without an orderly stop` : `no gateway runs on ${folder}`;
    throw new CliProblem('unreachable', why, { hint: 'Start one with "customhouse up", or say where it is: --data DIR for another folder, --api URL for another machine.' });
  }

  /** The key that was given, for whatever the command does. Undefined when none was. */
  givenKey(): string | undefined {
    const { environment, readStdin } = this.surroundings;
    if (this.options.keyFile) return checkedKey(readInput(this.options.keyFile, readStdin), this.options.keyFile === '-' ? 'standard input' : this.options.keyFile);
    return environment.CUSTOMHOUSE_KEY ? checkedKey(environment.CUSTOMHOUSE_KEY, 'CUSTOMHOUSE_KEY') : undefined;
  }

  /** The given key, else the operator's of the gateway on this machine. That one is never sent to an address that somebody else named. */
  private operatorKey(): string {
    const given = this.givenKey();
    if (given) return given;
    if (this.options.api)
      throw new CliProblem('forbidden', 'the control API needs a key', {
        hint: 'Give --key-file PATH, or set CUSTOMHOUSE_KEY. Keys are not taken on the command line, where others could read them.',
      });
    const path = this.running().operator_key_file;
    if (!path)
      throw new CliProblem('forbidden', 'the running gateway has no operator key of its own', { hint: 'It was given one when it was started: pass the same with --key-file.' });
    return checkedKey(
      readInput(path, () => ''),
      path,
    );
  }
}

function placeOf(running: Running): Place {
  const source = `${running.data}/running.json`;
  return { source, api: Object.fromEntries(services.map((service) => [service, running.api!])), mcp: running.mcp ?? undefined };
}

function checkedKey(text: string, source: string): string {
  const key = text.trim();
  if (!/^[\x21-\x7e]{16,4096}$/.test(key)) throw new CliProblem('usage', `${source} does not hold a key`, { hint: 'A key is one line without blanks, such as chk_…' });
  return key;
}
