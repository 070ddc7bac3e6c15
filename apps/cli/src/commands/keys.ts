import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Role } from '@customhouse/events/registry/events';
import { registryRoutes, type KeyView } from '@customhouse/http-contract/registry';
import { addPageOptions, readPages, showPage, type PageOptions } from '../pages.js';
import { CliProblem } from '../problem.js';
import { withExamples, type Runtime } from '../runtime.js';
import type { Session } from '../session.js';
import type { Column } from '../table.js';
import { duration } from '../values.js';
import { visibleLine } from '../visible.js';

const columns: readonly Column<KeyView>[] = [
  { title: 'KEY', value: (row) => row.id },
  { title: 'AGENT', value: (row) => row.agent, max: 32 },
  { title: 'PERSON', value: (row) => row.person, max: 40 },
  { title: 'OWNER', value: (row) => row.owner ?? '', max: 40 },
  { title: 'ROLES', value: (row) => row.roles.join(', ') },
  { title: 'CREATED', value: (row) => row.created },
  { title: 'EXPIRES', value: (row) => row.expires ?? 'never' },
  { title: 'STATE', value: (row) => (row.revoked ? 'revoked' : row.expires !== null && row.expires <= new Date().toISOString() ? 'expired' : 'good') },
];

const each = (value: string, all: readonly string[]) => [...all, value];

export function addKeys(program: Command, runtime: Runtime): void {
  const keys = program.command('keys').summary('give agents and people their keys').description('Issues, lists and revokes API keys. A key says which agent acts, and for whom.');
  const create = keys
    .command('create')
    .summary('issue a key')
    .description('Issues a key. It is shown once and stored nowhere but where you put it.')
    .requiredOption('--agent <name>', 'the agent that will use it')
    .requiredOption('--person <name>', 'the person it acts for')
    .option('--owner <name>', 'the person who answers for the agent, and cannot approve its calls; the person it acts for, when absent')
    .option('--role <role>', `what it may do; may be repeated: ${Role.options.join(', ')}`, each, [])
    .option('--group <name>', 'a group of the person, for the policy; may be repeated', each, [])
    .option('--attribute <name=value>', 'what else the policy may know of the caller; may be repeated, and a name given twice is a list', each, [])
    .option('--expires <time>', 'how long it counts (30d, 12h); for ever, when absent')
    .option('--output <path>', 'write it to a new file, readable by you only, instead of showing it')
    .action(runtime.action(createKey));
  withExamples(
    create,
    { what: "For the agent on Ada's machine", command: 'customhouse keys create --agent ada-claude --person ada@example.com --role agent --expires 90d --output ada.key' },
    { what: 'For somebody who decides about held calls', command: 'customhouse keys create --agent console --person grace@example.com --role approver --role auditor' },
  );
  addPageOptions(keys.command('list').summary('list keys').description('Lists keys, newest first, without what is secret in them.')).action(runtime.action(listKeys));
  keys
    .command('revoke')
    .summary('revoke a key')
    .description('Revokes a key for good: every ingress refuses it within a second.')
    .argument('<key>', 'id of the key')
    .action(runtime.action(revokeKey));
}

interface CreateOptions {
  readonly agent: string;
  readonly person: string;
  readonly role: readonly string[];
  readonly group: string[];
  readonly owner?: string;
  readonly attribute: readonly string[];
  readonly expires?: string;
  readonly output?: string;
}

async function createKey(session: Session, options: CreateOptions): Promise<void> {
  if (options.role.length === 0) throw new CliProblem('usage', 'what may the key do?', { hint: `Give --role, one of ${Role.options.join(', ')}.` });
  const roles = options.role.map(checkedRole);
  const expires = options.expires === undefined ? null : new Date(Date.now() + duration(options.expires)).toISOString();
  const path = options.output === undefined ? undefined : resolve(session.surroundings.folder, options.output);
  const api = session.api('registry');
  // Before the key is issued: a key that nobody can have is worse than none.
  if (path !== undefined) reserve(path);
  const body = { agent: options.agent, person: options.person, owner: options.owner, groups: options.group, attributes: attributesOf(options.attribute), roles, expires };
  const { key, presented } = await api.request(registryRoutes.issue, { body }).catch((error: unknown) => {
    // Nobody got a key: an empty file would only be in the way of the next try.
    if (path !== undefined) rmSync(path, { force: true });
    throw error;
  });
  if (path !== undefined) writeFileSync(path, `${presented}\n`, { mode: 0o600 });
  session.terminal.result({ key, ...(path === undefined ? { presented } : { file: path }) }, () => (path === undefined ? `${presented}\n` : `${path}\n`));
  session.terminal.note(
    `Key ${key.id} for ${visibleLine(key.agent)}, acting for ${visibleLine(key.person)}: ${key.roles.join(', ')}${key.expires ? `, until ${key.expires}` : ''}. It is not shown again.`,
  );
}

/** `department=finance`; numbers, `true` and `false` are read as such. A name that is given more than once is a list of texts. */
function attributesOf(given: readonly string[]): Record<string, string | number | boolean | string[]> {
  const values = new Map<string, string[]>();
  for (const text of given) {
    const equals = text.indexOf('=');
    if (equals < 1) throw new CliProblem('usage', `"${text}" is no attribute`, { hint: 'Write it as --attribute name=value.' });
    const name = text.slice(0, equals);
    values.set(name, [...(values.get(name) ?? []), text.slice(equals + 1)]);
  }
  return Object.fromEntries([...values].map(([name, all]) => [name, all.length > 1 ? all : scalarOf(all[0]!)]));
}

function scalarOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?$/.test(text) ? Number(text) : text;
}

function reserve(path: string): void {
  try {
    writeFileSync(path, '', { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliProblem('usage', `the key cannot be written to ${path}: ${code === 'EEXIST' ? 'the file exists' : code === 'ENOENT' ? 'the folder does not exist' : message}`);
  }
}

function checkedRole(text: string): Role {
  const role = Role.safeParse(text);
  if (!role.success) throw new CliProblem('usage', `"${text}" is not a role`, { hint: `The roles are ${Role.options.join(', ')}.` });
  return role.data;
}

async function listKeys(session: Session, options: PageOptions): Promise<void> {
  const api = session.api('registry');
  showPage(session, await readPages(options, (query) => api.request(registryRoutes.keys, { query })), columns, 'No key was issued yet.');
}

async function revokeKey(session: Session, _options: object, id: string): Promise<void> {
  await session.api('registry').request(registryRoutes.revoke, { params: { id } });
  session.terminal.result({ revoked: id }, () => `Revoked ${visibleLine(id)}.\n`);
}
