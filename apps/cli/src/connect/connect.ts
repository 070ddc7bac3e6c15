import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CliProblem } from '../problem.js';
import { clients, type Client, type ClientName, type Credential, type Machine } from './clients.js';
import { readConfiguration } from './file.js';
import { editJson, putIntoList, readJson } from './json-document.js';
import { editToml, readToml } from './toml-document.js';

export interface ConnectRequest {
  readonly client: ClientName;
  /** The name under which the client lists the gateway. */
  readonly name: string;
  /** Folder of a project, for its own file instead of the person's. */
  readonly project: string | undefined;
  /** Another file than the usual one. */
  readonly file: string | undefined;
  /** Null removes the entry. */
  readonly entry: { readonly url: string; readonly credential: Credential } | null;
}

/** What a file would become. Nothing is written here. */
export interface ConnectPlan {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** The entry as it will be, or null when it is removed. */
  readonly entry: unknown;
  readonly secret: boolean;
}

/** Works out the change to a client's configuration. Throws CliProblem, which names the file, where it cannot be made safely. */
export function planConnection(request: ConnectRequest, machine: Machine): ConnectPlan {
  const client = clients[request.client];
  const path = request.file ?? fileOf(client, request.project, machine);
  const credential = request.entry?.credential ?? { kind: 'none' };
  if (request.project !== undefined && credential.kind === 'embedded')
    throw new CliProblem('usage', "a key does not belong into a project's file, which is shared and committed", { hint: 'Use --key env, or leave --project out.' });
  const entry = request.entry && client.entry(request.entry.url, request.entry.credential);
  const bom = '\ufeff';
  const text = readConfiguration(path);
  const before = text.startsWith(bom) ? text.slice(1) : text;
  try {
    const after = edited(client, before, request.name, entry ?? undefined, credential);
    return { path, before: text, after: after === before ? text : text.startsWith(bom) ? bom + after : after, entry, secret: credential.kind === 'embedded' };
  } catch (error) {
    if (!(error instanceof CliProblem)) throw error;
    throw new CliProblem(error.exit, `${path} was not changed: ${error.message}`, {
      hint: `Put it right and try again, or add the entry by hand: ${JSON.stringify({ [request.name]: entry })}`,
    });
  }
}

function fileOf(client: Client, project: string | undefined, machine: Machine): string {
  if (project === undefined) return client.userFile(machine);
  if (client.projectFile === null) throw new CliProblem('usage', `${client.title} has no configuration for one project`, { hint: 'Leave --project out.' });
  return join(project, client.projectFile);
}

function edited(client: Client, text: string, name: string, entry: unknown, credential: Credential): string {
  // What says the same already is left as its owner wrote it.
  if (isDeepStrictEqual(presentEntry(client, text, name), entry)) return text;
  if (client.format === 'toml') return editToml(text, client.servers, name, entry as Record<string, unknown> | undefined);
  let result = editJson(text, client.servers, name, entry);
  for (const extra of entry === undefined ? [] : (client.extras?.(credential) ?? [])) result = putIntoList(result, extra);
  return result;
}

function presentEntry({ format, servers }: Client, text: string, name: string): unknown {
  return format === 'toml' ? readToml(text, servers, name) : readJson(text, [servers, name]);
}

/** The lines that differ, with the two around them: the whole of a small file's change at a glance. */
export function difference(before: string, after: string): string {
  const old = before.split('\n');
  const fresh = after.split('\n');
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end += 1;
  const context = 2;
  return [
    ...old.slice(Math.max(0, start - context), start).map((line) => `  ${line}`),
    ...old.slice(start, old.length - end).map((line) => `- ${line}`),
    ...fresh.slice(start, fresh.length - end).map((line) => `+ ${line}`),
    ...old.slice(old.length - end, old.length - end + context).map((line) => `  ${line}`),
  ]
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd();
}
