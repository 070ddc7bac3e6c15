import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { Gateway } from './gateway.js';
import { RawClient } from './mcp.js';
import { send, type WireAnswer } from './wire-answer.js';
import { bytesOf, type WireCase } from './wire-case.js';
import { MischievousServer, type Received } from './upstream.js';

/** Limits that are low enough to be passed by a case that can be read. */
const environment = {
  CUSTOMHOUSE_INGRESS_BODY_BYTES: '100000',
  CUSTOMHOUSE_INGRESS_HEADER_BYTES: '8192',
  CUSTOMHOUSE_INGRESS_JSON_DEPTH: '20',
  CUSTOMHOUSE_INGRESS_JSON_KEYS: '1000',
  CUSTOMHOUSE_INGRESS_HEADER_TIMEOUT_MS: '800',
  CUSTOMHOUSE_INGRESS_BODY_TIMEOUT_MS: '1500',
};

const marked = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, count: { type: 'integer', 'x-mcp-header': 'Count' } } };

/** A gateway with one server behind it, which counts what gets through, and the sessions and keys that cases speak of. */
export class WireTarget {
  readonly #placeholders: Record<string, string> = {};
  #good!: RawClient;

  private constructor(
    private readonly gateway: Gateway,
    private readonly upstream: MischievousServer,
  ) {}

  static async start(): Promise<WireTarget> {
    const upstream = await MischievousServer.start();
    const target = new WireTarget(await Gateway.start({ development: false, environment }), upstream);
    await target.#prepare();
    return target;
  }

  get port(): number {
    return Number(new URL(this.gateway.url).port);
  }

  /** What no answer may hold. */
  get secrets(): readonly string[] {
    return Object.entries(this.#placeholders)
      .filter(([name]) => name.endsWith('key'))
      .map(([, value]) => value);
  }

  /** Sends a request, in several pieces where `cuts` says at which parts of it, and tells which calls got to the server by it. */
  async exchange(sent: Pick<WireCase, 'as' | 'request'>, cuts: readonly number[] = []): Promise<{ answer: WireAnswer; received: readonly Received[] }> {
    if (sent.request.method === 'DELETE') await this.#openSessions();
    const bytes = bytesOf(sent, this.#placeholders);
    const places = [0, ...cuts.map((part) => Math.floor(part * bytes.length)).sort((a, b) => a - b), bytes.length];
    // What an earlier request left there, when it failed, says nothing about this one.
    this.gateway.logLines.length = 0;
    const before = this.upstream.calls.length;
    const answer = await send(
      this.port,
      places.slice(1).map((end, index) => bytes.subarray(places[index], end)),
    );
    if (sent.request.method === 'DELETE') await this.#openSessions();
    return { answer, received: this.upstream.calls.slice(before) };
  }

  /** Throws unless a good call works, nothing went wrong inside, and no credential was logged. */
  async expectHealth(): Promise<void> {
    const answer = await this.#good.call('mischief__echo', { message: 'well' });
    if (answer['result'] === undefined) throw new Error(`a good call fails afterwards: ${JSON.stringify(answer)}`);
    const bad = this.gateway.logLines.find((line) => Number(line['level']) >= 50 || this.secrets.some((secret) => JSON.stringify(line).includes(secret)));
    if (bad !== undefined) throw new Error(`the log says: ${JSON.stringify(bad)}`);
    if (({} as JsonObject)['polluted'] !== undefined) throw new Error('a request has changed what every object inherits');
  }

  async close(): Promise<void> {
    await this.gateway.close();
    await this.upstream.close();
  }

  async #prepare(): Promise<void> {
    const { gateway, upstream } = this;
    await gateway.publishServer('mischief', upstream.transport, 1, { capabilities: { tools: {} }, serverInfo: { name: 'mischievous', version: '1' } });
    await gateway.publishTool('mischief', { name: 'echo', inputSchema: { type: 'object' } });
    await gateway.publishTool('mischief', { name: 'tool_error', inputSchema: { type: 'object' } }, 1);
    await gateway.publishTool('mischief', { name: 'unknown_fields', inputSchema: marked }, 2);
    const key = await gateway.issueKey();
    const revoked = await gateway.issueKey();
    await gateway.revoke(revoked);
    Object.assign(this.#placeholders, {
      key,
      'revoked-key': revoked,
      'other-key': await gateway.issueKey({ person: 'eve@example.com' }),
      'auditor-key': await gateway.issueKey({ roles: ['auditor'] }),
    });
    this.#good = new RawClient(gateway.url, { authorization: `Bearer ${key}` });
    await this.#good.initialize();
    await this.#openSessions();
    const ended = await this.#session();
    await fetch(gateway.url, { method: 'DELETE', headers: { authorization: `Bearer ${key}`, 'mcp-session-id': ended } });
    this.#placeholders['ended-session'] = ended;
  }

  /** Also anew after a request that may have ended one. */
  async #openSessions(): Promise<void> {
    Object.assign(this.#placeholders, {
      session: await this.#session(),
      'session-of-other': await this.#session({ key: 'other-key' }),
      'session-at-server': await this.#session({ path: '/servers/mischief/mcp' }),
      'session-of-old': await this.#session({ revision: '2025-03-26' }),
    });
  }

  async #session({ key = 'key', path = '/mcp', revision = '2025-11-25' } = {}): Promise<string> {
    const client = new RawClient(new URL(path, this.gateway.url).href, { authorization: `Bearer ${this.#placeholders[key]}` });
    await client.initialize(revision);
    if (client.session === undefined) throw new Error('no session was opened');
    return client.session;
  }
}
