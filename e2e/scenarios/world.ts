import { Client } from '@modelcontextprotocol/client';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Gateway, Service } from '../modes/gateway.js';
import type { TruthServer } from '../peers/truth.js';

export interface IssuedKey {
  readonly id: string;
  readonly presented: string;
}

/** A call as the audit's search and timeline show it, as far as the scenarios look. */
export interface AuditedCall {
  readonly call: string;
  readonly agent: string;
  readonly person: string;
  readonly server: string;
  readonly tool: string;
  readonly effect: string;
  readonly status: string;
}

export type ToolResult = { content: { type: string; text?: string }[]; isError?: boolean; _meta?: Record<string, unknown> };

/** A gateway with an upstream whose memory is the truth, and the people and agents who use it. */
export class World {
  /** Mallory works on nobody's behalf but Alice's; Bob may approve. */
  readonly keys: { agent: IssuedKey; aliceApproves: IssuedKey; bobApproves: IssuedKey; auditor: IssuedKey } = {} as never;

  constructor(
    readonly gateway: Gateway,
    readonly truth: TruthServer,
  ) {}

  /** Registers the truth server, issues keys, and puts the rules of the scenarios in force. */
  async furnish(): Promise<void> {
    await this.must('registry', 'POST', '/v1/servers', { name: 'truth', transport: { kind: 'http', url: `http://${this.gateway.upstreamHost}:${this.truth.port}/mcp` } });
    Object.assign(this.keys, {
      agent: await this.issue('reporter', 'alice@example.com', ['agent']),
      aliceApproves: await this.issue('console', 'alice@example.com', ['approver']),
      bobApproves: await this.issue('console', 'bob@example.com', ['approver']),
      auditor: await this.issue('console', 'carol@example.com', ['auditor']),
    });
    await this.activate(baseRules);
    await this.eventually('the tools of the truth server are listed', async () => (await this.toolNames()).includes('truth__note'));
  }

  async issue(agent: string, person: string, roles: string[], expires: string | null = null): Promise<IssuedKey> {
    const answer = await this.must<{ key: { id: string }; presented: string }>('registry', 'POST', '/v1/keys', { agent, person, groups: [], roles, expires });
    return { id: answer.key.id, presented: answer.presented };
  }

  /** Stores and activates a rule set; resolves when a decision was made by it. */
  async activate(rules: object[]): Promise<number> {
    const drafted = await this.must<{ number: number }>('policy', 'POST', '/v1/policy/versions', { rules: { version: 1, rules }, note: 'end-to-end scenario' });
    await this.must('policy', 'POST', `/v1/policy/versions/${drafted.number}/activate`, {});
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return drafted.number;
  }

  async ask(service: Service, method: string, path: string, body?: unknown, key = this.gateway.operatorKey): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.gateway.api(service)}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: response.headers.get('content-type')?.includes('json') && !response.headers.get('content-type')?.includes('jsonl') && text !== '' ? JSON.parse(text) : text,
    };
  }

  async must<T = unknown>(service: Service, method: string, path: string, body?: unknown, key?: string): Promise<T> {
    const answer = await this.ask(service, method, path, body, key);
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  async connect(options: { key?: string; path?: string } = {}): Promise<Client> {
    const client = new Client({ name: 'e2e', version: '1.0.0' });
    const transport = new StreamableHTTPClientTransport(new URL(`${this.gateway.origin}${options.path ?? '/mcp'}`), {
      requestInit: { headers: { authorization: `Bearer ${options.key ?? this.keys.agent.presented}` } },
    });
    await client.connect(transport);
    return client;
  }

  async withClient<T>(use: (client: Client) => Promise<T>, options: { key?: string; path?: string } = {}): Promise<T> {
    const client = await this.connect(options);
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }

  call(name: string, args: Record<string, unknown>, options: { key?: string; path?: string } = {}): Promise<ToolResult> {
    return this.withClient((client) => client.callTool({ name, arguments: args }) as Promise<ToolResult>, options);
  }

  toolNames(): Promise<string[]> {
    return this.withClient(async (client) => (await client.listTools()).tools.map((tool) => tool.name));
  }

  async search(query: Record<string, string>): Promise<AuditedCall[]> {
    const answer = await this.must<{ items: AuditedCall[] }>('audit', 'GET', `/v1/calls?${new URLSearchParams(query)}`, undefined, this.keys.auditor.presented);
    return answer.items;
  }

  /** Polls until it holds. A projection follows; it does not answer. */
  async eventually<T>(what: string, probe: () => Promise<T | undefined | false>, timeout_ms = 20_000): Promise<T> {
    const until = Date.now() + timeout_ms;
    let last: unknown;
    for (;;) {
      try {
        const value = await probe();
        if (value !== undefined && value !== false) return value;
      } catch (error) {
        last = error;
      }
      if (Date.now() > until) throw new Error(`not within ${timeout_ms} ms: ${what}${last ? ` (${last instanceof Error ? last.message : last})` : ''}`);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }
}

export const baseRules = [
  { id: 'read-the-truth', effect: 'allow', reason: 'Reading is fine.', tools: ['truth/note', 'truth/slow', 'truth/leak', 'truth/strange'] },
  { id: 'samples', effect: 'allow', reason: 'Samples are fine.', tools: ['everything/*', 'filesystem/*', 'memory/*'] },
  { id: 'ask-before-acting', effect: 'hold', reason: 'Acting needs a second person.', tools: ['truth/act'], approve: { quorum: 1, expires_s: 600 } },
  { id: 'no-secrets-in-notes', effect: 'refuse', reason: 'Notes must not be about the vault.', tools: ['truth/note'], when: [{ argument: '/text', is: 'like', value: '*vault*' }] },
  { id: 'without-salaries', effect: 'allow', reason: 'Salaries are nobody else’s.', tools: ['truth/lookup'], redact: ['salary'] },
  { id: 'mail', effect: 'allow', reason: 'Mail is fine.', tools: ['truth/send'] },
  {
    id: 'private-data-stays',
    effect: 'hold',
    reason: 'This session has read something private.',
    tools: ['truth/*'],
    labels: ['communicates-externally'],
    session_labels: ['reads-sensitive'],
    approve: { quorum: 1, expires_s: 600 },
  },
  {
    id: 'twice-is-enough',
    effect: 'allow',
    reason: 'Some notes may be written twice.',
    tools: ['truth/note'],
    when: [{ argument: '/text', is: 'like', value: 'counted*' }],
    limit: { calls: 2, window_s: 3600, per: 'agent' },
  },
  {
    id: 'short-answers',
    effect: 'allow',
    reason: 'Answers are short here.',
    tools: ['truth/note'],
    when: [{ argument: '/text', is: 'like', value: 'long*' }],
    max_result_bytes: 500,
  },
  {
    id: 'two-for-pairs',
    effect: 'hold',
    reason: 'This takes two people.',
    tools: ['truth/act'],
    when: [{ argument: '/text', is: 'like', value: 'pair*' }],
    approve: { quorum: 2, expires_s: 600 },
  },
];
