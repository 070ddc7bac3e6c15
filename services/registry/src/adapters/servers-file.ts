import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { ServerName, type Transport } from '@customhouse/events/registry/events';

const Entry = z.union([
  z.object({ command: z.string().min(1), args: z.array(z.string()).default([]), env: z.record(z.string(), z.string()).default({}), disabled: z.boolean().default(false) }),
  z.object({ url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }), disabled: z.boolean().default(false) }),
]);
const File = z.object({ mcpServers: z.record(z.string(), Entry) });

export interface FiledServer {
  readonly name: string;
  readonly transport: Transport;
  readonly enabled: boolean;
}

/** The file cannot be used. The message names the file and every mistake in it. */
export class ServersFileInvalid extends Error {
  override readonly name = 'ServersFileInvalid';
}

/** Reads a file of servers in the form that MCP clients have, as JSON or YAML. Throws ServersFileInvalid. */
export function readServersFile(path: string): FiledServer[] {
  let document: unknown;
  try {
    // JSON is YAML.
    document = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ServersFileInvalid(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const parsed = File.safeParse(document);
  if (!parsed.success)
    throw new ServersFileInvalid(`${path} is not a file of servers: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`);
  return Object.entries(parsed.data.mcpServers).map(([given, entry]) => {
    const name = ServerName.safeParse(given);
    if (!name.success) throw new ServersFileInvalid(`${path} has the server "${given}": ${name.error.issues[0]!.message}`);
    const transport: Transport = 'url' in entry ? { kind: 'http', url: entry.url } : { kind: 'stdio', command: entry.command, args: entry.args, env: entry.env };
    return { name: name.data, transport, enabled: !entry.disabled };
  });
}
