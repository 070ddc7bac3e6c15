import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import { RuleSet, type Rule } from '@customhouse/policy-contract/rules';

/** The committed module, read as a file: the engine itself reads none. */
export const wasm: Uint8Array = readFileSync(new URL('../../../policies/compiled/default.wasm', import.meta.url));

export function rule(parts: Partial<Rule> & Pick<Rule, 'id' | 'effect'>): Rule {
  return { reason: `Because of ${parts.id}.`, tools: ['*/*'], ...parts };
}

export function versionOf(rules: readonly Rule[], number = 7): PolicyVersion {
  const set = RuleSet.parse({ version: 1, rules });
  const digest = createHash('sha256').update(JSON.stringify(set)).digest('hex');
  return { number, digest, module: createHash('sha256').update(wasm).digest('hex'), rules: set, modules: {}, cases: [], note: '', signature: null };
}

export function callOf(changes: Partial<PolicyInput> = {}): PolicyInput {
  return {
    principal: {
      tenant: 'default',
      agent: 'claude',
      owner: 'ann@example.com',
      person: 'ann@example.com',
      groups: ['engineering', 'staff'],
      attributes: {},
      delegation: [],
      credential: 'key',
    },
    client: { name: 'claude-code', version: '2.0.1' },
    network: { address: '127.0.0.1', forwarded: [] },
    session: 'session-1',
    session_state: { labels: [], counters: { calls: 0, refused: 0, held: 0 } },
    time: 1_790_000_000_000,
    method: 'tools/call',
    server: 'files',
    tool: 'read_file',
    version: null,
    labels: ['read-only'],
    annotations: { read_only: true, destructive: false, idempotent: true, open_world: false },
    arguments: {},
    destinations: [],
    request: { protocol: '2025-11-25', era: 'legacy', meta: {} },
    findings: [],
    used: {},
    ...changes,
  };
}

/** A module that answers whatever the argument `/answer` says: see echo-module/echo.rego. */
export const echoWasm: Uint8Array = readFileSync(new URL('echo-module/echo.wasm', import.meta.url));
