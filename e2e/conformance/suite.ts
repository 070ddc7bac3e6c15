import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { root } from '../modes/process.js';

export type Suite = 'server' | 'client';
export const revisions = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof revisions)[number];

/** One check of the suite, as it writes it down. */
export interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED';
  readonly errorMessage?: string;
}

export interface ScenarioResult {
  readonly scenario: string;
  /** The revision demands that it passes. Others are run and reported only. */
  readonly required: boolean;
  readonly checks: readonly Check[];
}

const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json');
const program = join(dirname(manifest), 'dist/index.js');

interface Requirements {
  readonly server: string[];
  readonly client: string[];
  readonly not_scored: { scenario: string; leg: Suite }[];
}

/** Scenarios of a suite, those that the revision requires first. Authorization has scenarios of its own, which need no gateway. */
export function scenariosOf(suite: Suite, revision: Revision): { scenario: string; required: boolean }[] {
  const text = readFileSync(join(dirname(manifest), 'requirements', `${revision}.yaml`), 'utf8');
  const { not_scored, ...lists } = parse(text) as Requirements;
  const more = not_scored.filter((entry) => entry.leg === suite).map((entry) => entry.scenario);
  return [...lists[suite].map((scenario) => ({ scenario, required: true })), ...more.map((scenario) => ({ scenario, required: false }))].filter(
    ({ scenario }) => !scenario.startsWith('auth/'),
  );
}

/** Runs the server suite against an address, in one process, as anybody would run it. */
export async function runServerSuite(url: string, revision: Revision): Promise<ScenarioResult[]> {
  const results = mkdtempSync(join(tmpdir(), 'customhouse-conformance-'));
  try {
    await run(['server', '--url', url, '--requirements', revision, '--output-dir', results], {});
    return scenariosOf('server', revision).map((entry) => ({ ...entry, checks: checksIn(results, `server-${entry.scenario}-`) }));
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

/** Runs one scenario of the client suite with a client program, which finds its server's address as its last argument. */
export async function runClientScenario(
  entry: { scenario: string; required: boolean },
  revision: Revision,
  command: string,
  environment: Readonly<Record<string, string>>,
): Promise<ScenarioResult> {
  const results = mkdtempSync(join(tmpdir(), 'customhouse-conformance-'));
  try {
    const ended = await run(['client', '--command', command, '--scenario', entry.scenario, '--spec-version', revision, '--output-dir', results], environment);
    const checks = checksIn(results, `${entry.scenario}-`);
    // The suite's verdict is stricter than the sum of its checks: a client that fails or does not end has not passed.
    const silent = ended.code !== 0 && !checks.some((check) => check.status === 'FAILURE');
    return {
      ...entry,
      checks: silent
        ? [...checks, { id: 'client-program', status: 'FAILURE', errorMessage: /^\S*Error: .*/m.exec(ended.words)?.[0] ?? `exit code ${String(ended.code)}` }]
        : checks,
    };
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

function checksIn(folder: string, prefix: string): Check[] {
  // The name of the folder ends with the time; no other scenario's name may stand in between.
  const found = readdirSync(folder).find((name) => name.startsWith(prefix) && /^\d{4}-\d{2}-\d{2}T/.test(name.slice(prefix.length)));
  const file = join(folder, found ?? '', 'checks.json');
  // A scenario that throws writes nothing.
  if (!existsSync(file)) return [{ id: 'scenario', status: 'FAILURE', errorMessage: 'the scenario left no results' }];
  return JSON.parse(readFileSync(file, 'utf8')) as Check[];
}

/** Resolves when the suite ended; its exit code is no news, because the checks are read one by one. */
async function run(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<{ code: number | null; words: string }> {
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}`, ...environment };
  const child = spawn(process.execPath, [program, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-4_000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, words };
}
