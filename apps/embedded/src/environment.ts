import { join } from 'node:path';
import { builtInRulesFile } from '@customhouse/policies/built-in';
import type { Environment } from '@customhouse/settings/settings';
import { keptText, randomSecret } from './secret-file.js';

export interface Addresses {
  readonly host: string;
  readonly port: number;
  readonly apiPort: number;
}

/** Files of an instance below its data folder. */
export function filesOf(data: string) {
  return {
    postgres: join(data, 'postgres'),
    sealingKey: join(data, 'sealing-key'),
    policySigningKey: join(data, 'policy-signing-key'),
    operatorKey: join(data, 'operator-key'),
    agentKey: join(data, 'agent-key'),
    instance: join(data, 'instance'),
    spool: join(data, 'spool'),
    log: join(data, 'customhouse.log'),
  };
}

/** True where the environment names a value itself or a file with it. */
export function names(environment: Environment, setting: string): boolean {
  return Boolean(environment[setting] || environment[`${setting}_FILE`]);
}

/**
 * The settings of all services: what is kept in the data folder, then whatever the environment says, then the addresses that were
 * chosen. `databaseUrl` is the local database's, where there is one.
 */
export function settingsOf(data: string, environment: Environment, addresses: Addresses, databaseUrl: string | undefined): Environment {
  const files = filesOf(data);
  const own: Record<string, string> = {
    CUSTOMHOUSE_INSTANCE: keptText(files.instance, () => `embedded-${randomSecret('').replaceAll(/[_-]/g, '').slice(0, 8).toLowerCase()}`),
    CUSTOMHOUSE_DEVELOPMENT: String(isLoopback(addresses.host)),
    CUSTOMHOUSE_SPOOL_PATH: files.spool,
    // The operator is whoever runs this process: the key is in a file of theirs.
    CUSTOMHOUSE_REGISTRY_STDIO: String(isLoopback(addresses.host)),
  };
  // A first start on this machine is for looking around: the rules hold one harmless call, so that approving can be seen.
  if (isLoopback(addresses.host)) own['CUSTOMHOUSE_POLICY_RULES_FILE'] = builtInRulesFile('development');
  if (!names(environment, 'CUSTOMHOUSE_SEALING_KEY_FILE')) own['CUSTOMHOUSE_SEALING_KEY_FILE'] = files.sealingKey;
  if (!names(environment, 'CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE')) {
    keptText(files.policySigningKey, () => randomSecret(''));
    own['CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE'] = files.policySigningKey;
  }
  if (databaseUrl !== undefined) own['CUSTOMHOUSE_DATABASE_URL'] = databaseUrl;
  // The log is on PostgreSQL unless somebody runs Kafka for it.
  if (!names(environment, 'CUSTOMHOUSE_LOG_URL')) Object.assign(own, logBeside(environment, databaseUrl));
  if (!names(environment, 'CUSTOMHOUSE_BOOTSTRAP_KEY')) {
    keptText(files.operatorKey, () => randomSecret('chk_operator_'));
    own['CUSTOMHOUSE_BOOTSTRAP_KEY_FILE'] = files.operatorKey;
  }
  return {
    ...own,
    ...given(environment),
    CUSTOMHOUSE_INGRESS_HOST: addresses.host,
    CUSTOMHOUSE_INGRESS_PORT: String(addresses.port),
    CUSTOMHOUSE_API_HOST: addresses.host,
    CUSTOMHOUSE_API_PORT: String(addresses.apiPort),
  };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function logBeside(environment: Environment, databaseUrl: string | undefined): Record<string, string> {
  if (databaseUrl !== undefined) return { CUSTOMHOUSE_LOG_URL: databaseUrl };
  const { CUSTOMHOUSE_DATABASE_URL: url, CUSTOMHOUSE_DATABASE_URL_FILE: file } = environment;
  if (url) return { CUSTOMHOUSE_LOG_URL: url };
  return file ? { CUSTOMHOUSE_LOG_URL_FILE: file } : {};
}

/** An empty variable is one that nobody set. */
function given(environment: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''));
}
