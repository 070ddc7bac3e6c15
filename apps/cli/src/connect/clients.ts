import { join } from 'node:path';
import { CliProblem } from '../problem.js';

export const clientNames = ['claude-code', 'claude-desktop', 'cursor', 'vscode', 'codex'] as const;
export type ClientName = (typeof clientNames)[number];

/** What the machine of the person is like: where a client keeps its configuration depends on it. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** How the client proves who it is: not at all (the development profile), by an environment variable at its start, or by the key in its file. */
export type Credential = { readonly kind: 'none' } | { readonly kind: 'variable'; readonly name: string } | { readonly kind: 'embedded'; readonly key: string };

/** An MCP client whose configuration we can write. */
export interface Client {
  readonly title: string;
  readonly format: 'json' | 'toml';
  /** The file for all of this person's projects. */
  userFile(machine: Machine): string;
  /** The file for one project, relative to its folder. Null: the client knows none. */
  readonly projectFile: string | null;
  /** Throws CliProblem where the client cannot do what the credential asks for. */
  entry(url: string, credential: Credential): unknown;
  /** The member that holds the servers. */
  readonly servers: string;
  /** What else the entry needs in the same file. */
  readonly extras?: (credential: Credential) => readonly ListItem[];
  /** What the person does next. */
  readonly next: string;
}

/** An object that a list in the document must have; the one with the same `id` is replaced. */
export interface ListItem {
  readonly list: string;
  readonly item: { readonly id: string } & Readonly<Record<string, unknown>>;
}

const keyInput = 'customhouse-key';

export const clients: Readonly<Record<ClientName, Client>> = {
  'claude-code': {
    title: 'Claude Code',
    format: 'json',
    userFile: ({ home, environment }) => (environment.CLAUDE_CONFIG_DIR ? join(environment.CLAUDE_CONFIG_DIR, '.claude.json') : join(home, '.claude.json')),
    projectFile: '.mcp.json',
    servers: 'mcpServers',
    entry: (url, credential) => ({ type: 'http', url, ...headers(credential, (name) => `\${${name}}`) }),
    next: 'Start Claude Code again; /mcp lists the gateway.',
  },
  'claude-desktop': {
    title: 'Claude Desktop',
    format: 'json',
    userFile: (machine) => join(applicationData(machine), 'Claude', 'claude_desktop_config.json'),
    projectFile: null,
    servers: 'mcpServers',
    entry: bridgedEntry,
    next: 'Quit Claude Desktop completely and start it again. It reaches the gateway through the bridge mcp-remote, which npx fetches.',
  },
  cursor: {
    title: 'Cursor',
    format: 'json',
    userFile: ({ home }) => join(home, '.cursor', 'mcp.json'),
    projectFile: join('.cursor', 'mcp.json'),
    servers: 'mcpServers',
    entry: (url, credential) => ({ url, ...headers(credential, (name) => `\${env:${name}}`) }),
    next: 'Start Cursor again and switch the server on under its MCP settings.',
  },
  vscode: {
    title: 'Visual Studio Code',
    format: 'json',
    userFile: (machine) => join(applicationData(machine), 'Code', 'User', 'mcp.json'),
    projectFile: join('.vscode', 'mcp.json'),
    servers: 'servers',
    entry: (url, credential) => ({ type: 'http', url, ...headers(credential, () => `\${input:${keyInput}}`) }),
    // It keeps secrets itself: it asks once and stores the answer where it stores its others.
    extras: (credential) =>
      credential.kind === 'variable' ? [{ list: 'inputs', item: { id: keyInput, type: 'promptString', description: 'Key of the agent for Customhouse', password: true } }] : [],
    next: 'Run "MCP: List Servers" in VS Code and start the gateway; it asks for the key once, if one is needed.',
  },
  codex: {
    title: 'Codex',
    format: 'toml',
    userFile: ({ home, environment }) => join(environment.CODEX_HOME || join(home, '.codex'), 'config.toml'),
    projectFile: join('.codex', 'config.toml'),
    servers: 'mcp_servers',
    entry: (url, credential) => {
      if (credential.kind === 'variable') return { url, bearer_token_env_var: credential.name };
      return credential.kind === 'embedded' ? { url, http_headers: { Authorization: `Bearer ${credential.key}` } } : { url };
    },
    next: 'Start Codex again; /mcp lists the gateway. A project file counts only in projects that Codex trusts.',
  },
};

function headers(credential: Credential, variable: (name: string) => string): { headers?: Record<string, string> } {
  if (credential.kind === 'none') return {};
  return { headers: { Authorization: `Bearer ${credential.kind === 'embedded' ? credential.key : variable(credential.name)}` } };
}

/** Its file knows only programs to start, so a bridge from npm stands between. It expands no variables: the key has to be in the file. */
function bridgedEntry(url: string, credential: Credential): unknown {
  if (credential.kind === 'variable')
    throw new CliProblem('usage', 'Claude Desktop does not take its key from an environment variable', {
      hint: 'Use --key embed, which writes the key into its configuration file.',
    });
  const bridge = { command: 'npx', args: ['-y', 'mcp-remote@0.15.1', url] };
  if (credential.kind === 'none') return bridge;
  // Without a space in the argument: the bridge is started through a shell on Windows, which would split it there.
  return { ...bridge, args: [...bridge.args, '--header', 'Authorization:${CUSTOMHOUSE_AUTHORIZATION}'], env: { CUSTOMHOUSE_AUTHORIZATION: `Bearer ${credential.key}` } };
}

function applicationData({ platform, home, environment }: Machine): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return environment.APPDATA ?? join(home, 'AppData', 'Roaming');
  return environment.XDG_CONFIG_HOME || join(home, '.config');
}
