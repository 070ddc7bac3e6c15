// A policy service, and calls in its log as an ingress records them: with sealed arguments, by 50 agents to 40 tools, in 500 sessions.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callAdmitted } from '@customhouse/events/call/events';
import { EventWriter } from '@customhouse/event-log/event-writer';
import { openLog } from '@customhouse/event-log/open-log';
import { logSettings } from '@customhouse/event-log/settings';
import { canonicalise } from '@customhouse/kernel/canonical';
import { timestamp } from '@customhouse/kernel/time';
import { KeyEncryptionKey } from '@customhouse/sealing/key-encryption-key';
import { createSealer } from '@customhouse/sealing/node-sealer';
import { newUlid } from '@customhouse/sealing/random';
import { loadSettings } from '@customhouse/settings/settings';
import { measuredCore, start } from './processes.mjs';

const agents = 50;
const tools = 40;
const sessions = 500;

export const here = (name) => fileURLToPath(new URL(name, import.meta.url));

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** The policy service, ready, with what is needed to ask it and to seal for it. */
export async function startPolicy(urls, folder, operator) {
  const sealing = join(folder, 'sealing-key');
  writeFileSync(sealing, randomBytes(32).toString('base64url'), { mode: 0o600 });
  const api = `http://127.0.0.1:${await freePort()}`;
  const service = start('policy', measuredCore, [here('../services/policy/dist/main.js')], {
    CUSTOMHOUSE_LOG_URL: urls.log,
    CUSTOMHOUSE_DATABASE_URL: urls.policy,
    CUSTOMHOUSE_SEALING_KEY_FILE: sealing,
    CUSTOMHOUSE_BOOTSTRAP_KEY: operator,
    CUSTOMHOUSE_API_PORT: new URL(api).port,
    CUSTOMHOUSE_LOG_LEVEL: 'warn',
  });
  await until(600, async () => (await Promise.race([service.failed, fetch(`${api}/health/ready`).catch(() => undefined)]))?.ok === true);
  return { service, api, operator, sealing };
}

export function askPolicy({ api, operator }) {
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${operator}`, ...(body && { 'content-type': 'application/json' }) };
    const response = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  };
}

export async function until(tries, isSo) {
  for (let left = tries; left > 0; left -= 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('waited in vain');
}

/** Writes to the log and seals, as an ingress does. */
export async function openRecorder(url, sealingFile) {
  const log = await openLog(loadSettings(logSettings, { CUSTOMHOUSE_LOG_URL: url }, () => ''));
  const writer = new EventWriter({ log, service: 'ingress', instance: 'bench', timeout_ms: 60_000 });
  await writer.start();
  const kek = new KeyEncryptionKey(Buffer.from(readFileSync(sealingFile, 'utf8'), 'base64url'));
  const sealer = createSealer({ kek, sink: writer, catchUp: async () => undefined });
  const close = async () => {
    await writer.close();
    await log.close();
  };
  return { writer, sealer, close };
}

/** The intent of call `number`, which a version allowed. */
export async function intentOf(sealer, policy, number) {
  const person = `person-${number % agents}@example.com`;
  const key = await sealer.keyFor(sealer.subjectOf('default', person));
  const tool = `tool-${number % tools}`;
  const session = `s-${number % sessions}`;
  const time = Date.now();
  const data = {
    call: newUlid(),
    session,
    principal: { tenant: 'default', agent: `agent-${number % agents}`, person, groups: ['engineering', 'staff'], credential: { kind: 'key', id: 'bench' } },
    client: { name: 'claude-code', version: '2.1.0' },
    network: { address: '10.1.2.3' },
    method: 'tools/call',
    server: 'files',
    generation: 1,
    tool,
    exposed: `files__${tool}`,
    definition: null,
    labels: ['read-only'],
    arguments: sealer.seal(key, canonicalise({ path: `/home/ann/projects/${number}.txt`, text: 'x'.repeat(200), count: number })),
    findings: [],
    decision: { effect: 'allow', rules: [{ id: 'read-only-tools', effect: 'allow', reason: 'The tool only reads.' }], obligations: {}, policy },
    record: 'strict',
    deadline: timestamp(time + 30_000),
  };
  return { declaration: callAdmitted, subject: `call-${data.call}`, key: session, time, data };
}
