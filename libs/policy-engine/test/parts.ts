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
  return { number, digest, module: createHash('sha256').update(wasm).digest('hex'), rules: set, note: '' };
}

export function callOf(changes: Partial<PolicyInput> = {}): PolicyInput {
  return {
    principal: { tenant: 'default', agent: 'claude', person: 'ann@example.com', groups: ['engineering', 'staff'], credential: 'key' },
    client: { name: 'claude-code', version: '2.0.1' },
    network: { address: '127.0.0.1' },
    session: 'session-1',
    time: 1_790_000_000_000,
    method: 'tools/call',
    server: 'files',
    tool: 'read_file',
    labels: ['read-only'],
    arguments: {},
    findings: [],
    ...changes,
  };
}

/** A module that answers whatever the argument `/answer` says: see echo-module/echo.rego. */
export const echoWasm: Uint8Array = readFileSync(new URL('echo-module/echo.wasm', import.meta.url));
