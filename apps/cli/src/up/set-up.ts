import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Embedded } from '@customhouse/embedded/embedded';
import { sampleServers, type Sample } from '@customhouse/embedded/samples';
import { registryRoutes } from '@customhouse/http-contract/registry';
import { ApiClient } from '../api-client.js';
import { CliProblem } from '../problem.js';
import type { Session } from '../session.js';

/**
 * Registers the sample servers at the first start on a data folder, and puts them right where the program has moved since. One
 * that somebody has removed stays removed. What cannot be done is said; the gateway runs without them.
 */
export async function registerSamples(session: Session, gateway: Embedded, signal: AbortSignal): Promise<void> {
  const operator = operatorOf(session, gateway, signal);
  const marker = join(session.dataFolder, 'samples-registered');
  try {
    const first = !existsSync(marker);
    for (const sample of sampleServers()) await (first ? register(operator, sample) : putRight(operator, sample));
    if (first) writeFileSync(marker, '');
  } catch (error) {
    if (!(error instanceof CliProblem) || signal.aborted) throw error;
    session.terminal.note(`the sample server could not be registered: ${error.message}`);
  }
}

async function register(operator: ApiClient, sample: Sample): Promise<void> {
  try {
    await operator.request(registryRoutes.register, { body: { name: sample.name, transport: sample.transport } });
  } catch (error) {
    // A database that was there before has it already.
    if (!(error instanceof CliProblem && error.more.code === 'conflict')) throw error;
    return putRight(operator, sample);
  }
  await operator.request(registryRoutes.discover, { params: { name: sample.name } });
}

async function putRight(operator: ApiClient, { name, transport }: Sample): Promise<void> {
  const { items } = await operator.request(registryRoutes.servers, { query: { limit: 500 } });
  const present = items.find((server) => server.name === name);
  if (!present || present.transport.kind !== 'stdio' || transport.kind !== 'stdio') return;
  const same = present.transport.command === transport.command && present.transport.args[0] === transport.args[0];
  // Only what we registered ourselves, which is known by the program that it starts.
  const ours = /server-everything[\\/]dist[\\/]index\.js$/.test(present.transport.args[0] ?? '');
  if (!same && ours) await operator.request(registryRoutes.change, { params: { name }, body: { transport } });
}

/**
 * The key of an agent of the development profile, for programs that want to call with one. It is issued once for a data folder
 * and kept there; a new one is issued when that one no longer counts.
 */
export async function agentKey(session: Session, gateway: Embedded, signal: AbortSignal): Promise<string> {
  const operator = operatorOf(session, gateway, signal);
  const file = join(session.dataFolder, 'agent-key');
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  const id = /^chk_([0-9a-f]{16})_/.exec(kept)?.[1];
  if (id !== undefined && (await isGood(operator, id))) return kept;
  const { presented } = await operator.request(registryRoutes.issue, { body: { agent: 'developer-agent', person: 'developer@localhost', roles: ['agent'] } });
  writeFileSync(file, `${presented}\n`, { mode: 0o600 });
  return presented;
}

async function isGood(operator: ApiClient, id: string): Promise<boolean> {
  for (let cursor: string | undefined; ;) {
    const page = await operator.request(registryRoutes.keys, { query: { limit: 500, ...(cursor !== undefined && { cursor }) } });
    const found = page.items.find((key) => key.id === id);
    if (found) return !found.revoked;
    if (page.next === null) return false;
    cursor = page.next;
  }
}

function operatorOf(session: Session, gateway: Embedded, signal: AbortSignal): ApiClient {
  return new ApiClient({ service: 'registry', url: gateway.api, key: gateway.operatorKey, timeout_ms: session.timeout_ms, signal });
}
