import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { readRunning } from '@customhouse/embedded/running';
import type { Place } from '../place.js';
import { CliProblem, type Exit } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import { visibleLine } from '../visible.js';

/** One thing that was looked at. The shape of `customhouse doctor --json`. */
interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  readonly hint?: string;
}

export function addDoctor(program: Command, runtime: Runtime): void {
  const command = program
    .command('doctor')
    .summary('find out what is wrong')
    .description(
      'Looks at the data folder, the control API of each service, what each of them depends on (database, log, followed state), the address for agents, the key, and the servers behind the gateway. Changes nothing.',
    )
    .action(runtime.action(doctor));
  withExamples(
    command,
    { what: 'The gateway on this machine', command: 'customhouse doctor' },
    { what: 'Two services elsewhere', command: 'customhouse doctor --api audit=http://127.0.0.1:8405,approval=http://127.0.0.1:8404' },
  );
}

async function doctor(session: Session): Promise<Exit> {
  const findings: Finding[] = [{ check: 'node', status: 'ok', detail: process.version }];
  if (!session.options.api) findings.push(folderFinding(session.dataFolder), instanceFinding(session.dataFolder));
  const place = attempt(findings, 'gateway', () => session.place());
  if (place) {
    findings.push(...(await healthFindings(session, place)));
    findings.push(await keyFinding(session), await agentFinding(session), ...(await serverFindings(session)));
  }
  session.terminal.result({ ok: findings.every((finding) => finding.status !== 'failed'), findings }, () => findings.map(line).join(''));
  return findings.some((finding) => finding.status === 'failed') ? 'failed' : 'ok';
}

function folderFinding(folder: string): Finding {
  const check = 'data folder';
  const existing = existsSync(folder) ? folder : nearestFolder(folder);
  try {
    accessSync(existing, constants.W_OK);
    return { check, status: 'ok', detail: existing === folder ? folder : `${folder} does not exist yet and can be made` };
  } catch {
    return { check, status: 'failed', detail: `${existing} cannot be written by this user`, hint: 'Choose another one with --data DIR or CUSTOMHOUSE_DATA_DIR.' };
  }
}

function nearestFolder(path: string): string {
  const parent = dirname(path);
  return parent === path || existsSync(parent) ? parent : nearestFolder(parent);
}

function instanceFinding(folder: string): Finding {
  const check = 'instance';
  const found = readRunning(folder);
  if (found.state === 'absent') return { check, status: 'warning', detail: `nothing runs on ${folder}`, hint: '"customhouse up" starts a gateway.' };
  if (found.state === 'stale') return { check, status: 'warning', detail: 'the last one was killed; its data is there', hint: '"customhouse up" starts it again.' };
  return { check, status: found.state === 'ready' ? 'ok' : 'warning', detail: `process ${found.running.pid}, ${found.state}, since ${found.running.started}` };
}

/** Each control API once, with what it says about itself. */
async function healthFindings(session: Session, place: Place): Promise<Finding[]> {
  const urls = new Map<string, string[]>();
  for (const [service, url] of Object.entries(place.api)) urls.set(url, [...(urls.get(url) ?? []), service]);
  const findings = await Promise.all([...urls].map(([url, services]) => healthOf(session, url, services.length > 1 ? 'control API' : `control API of ${services[0]}`)));
  return findings.flat();
}

async function healthOf(session: Session, url: string, check: string): Promise<Finding[]> {
  try {
    const response = await fetch(`${url}/health/ready`, {
      redirect: 'error',
      signal: AbortSignal.any([session.signal, AbortSignal.timeout(Math.min(session.timeout_ms, 10_000))]),
    });
    const { checks } = (await response.json()) as { checks?: Record<string, { status?: string; detail?: string }> };
    if (!checks) return [{ check, status: 'failed', detail: `${url} is not a control API of Customhouse` }];
    const broken = Object.entries(checks).filter(([, answer]) => answer.status !== 'ok');
    const first: Finding = {
      check,
      status: broken.length === 0 ? 'ok' : 'failed',
      detail: broken.length === 0 ? `${url} is ready (${Object.keys(checks).length} checks)` : `${url} is not ready`,
    };
    return [first, ...broken.map(([name, answer]): Finding => ({ check: name, status: 'failed', detail: answer.detail ?? 'failed' }))];
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
    const why = cause?.code === 'ECONNREFUSED' ? 'nothing listens there' : cause?.message || message;
    return [{ check, status: 'failed', detail: `${url}: ${why}`, hint: 'Is the service running, and is the address right?' }];
  }
}

async function keyFinding(session: Session): Promise<Finding> {
  const check = 'key';
  try {
    const { auditRoutes } = await import('@customhouse/http-contract/audit');
    await session.api('audit').request(auditRoutes.projections);
    return { check, status: 'ok', detail: 'the key is accepted, and may read the audit' };
  } catch (error) {
    return problemFinding(check, error);
  }
}

async function agentFinding(session: Session): Promise<Finding> {
  const check = 'agents';
  try {
    const { connectAgent } = await import('../mcp-client.js');
    const url = session.mcp();
    const agent = await connectAgent({ url, key: session.givenKey(), timeout_ms: session.timeout_ms, signal: session.signal });
    try {
      return { check, status: 'ok', detail: `${url} serves ${(await agent.listTools()).length} tools` };
    } finally {
      await agent.close().catch(() => undefined);
    }
  } catch (error) {
    return problemFinding(check, error);
  }
}

function attempt<T>(findings: Finding[], check: string, find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    findings.push(problemFinding(check, error));
    return undefined;
  }
}

function problemFinding(check: string, error: unknown): Finding {
  if (!(error instanceof CliProblem)) throw error;
  return { check, status: 'failed', detail: error.message, ...(error.more.hint && { hint: error.more.hint }) };
}

const marks = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const;

function line({ check, status, detail, hint }: Finding): string {
  return `${marks[status]}  ${check}: ${visibleLine(detail)}\n${hint ? `         ${hint}\n` : ''}`;
}

/** The servers behind the gateway, as discovery last saw them. */
async function serverFindings(session: Session): Promise<Finding[]> {
  try {
    const { registryRoutes } = await import('@customhouse/http-contract/registry');
    const { items } = await session.api('registry').request(registryRoutes.servers, { query: { limit: 500 } });
    return items
      .filter((server) => server.enabled)
      .map((server): Finding => ({
        check: `server ${server.name}`,
        status: server.reachable === false ? 'failed' : 'ok',
        detail:
          server.reachable === false
            ? (server.problem ?? 'it was not reached')
            : `${server.served} tools are served${server.quarantined > 0 ? `, ${server.quarantined} wait to be accepted` : ''}`,
      }));
  } catch (error) {
    return [problemFinding('servers', error)];
  }
}
