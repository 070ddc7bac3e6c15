import { randomBytes } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { pino } from 'pino';
import type { PromptView, ServerView, ToolView } from '@customhouse/http-contract/registry';
import { openLog } from '@customhouse/event-log/open-log';
import { logSettings } from '@customhouse/event-log/settings';
import { runServices, type Running } from '@customhouse/nest/run';
import { loadSettings } from '@customhouse/settings/settings';
import { testPostgres } from '@customhouse/test-engines/postgres';
import { registryService } from '../src/service.js';

const [logDatabase, database] = await Promise.all([testPostgres(), testPostgres()]);
const folder = mkdtempSync(join(tmpdir(), 'customhouse-registry-'));
const operatorKey = `chk_bootstrap_${randomBytes(32).toString('base64url')}`;
writeFileSync(join(folder, 'sealing.key'), randomBytes(32).toString('base64'), { mode: 0o600 });
const everything = join(createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json'), '../dist/index.js');
writeFileSync(join(folder, 'servers.json'), JSON.stringify({ mcpServers: { everything: { command: process.execPath, args: [everything] } } }));

const environment = {
  CUSTOMHOUSE_LOG_URL: logDatabase.url,
  CUSTOMHOUSE_DATABASE_URL: database.url,
  CUSTOMHOUSE_SEALING_KEY_FILE: join(folder, 'sealing.key'),
  CUSTOMHOUSE_BOOTSTRAP_KEY: operatorKey,
  CUSTOMHOUSE_INSTANCE: 'registry-1',
  CUSTOMHOUSE_API_PORT: '0',
  CUSTOMHOUSE_REGISTRY_SERVERS_FILE: join(folder, 'servers.json'),
  CUSTOMHOUSE_REGISTRY_RETRY_MS: '200',
  CUSTOMHOUSE_REGISTRY_CONNECT_TIMEOUT_MS: '10000',
  CUSTOMHOUSE_REGISTRY_LIST_TIMEOUT_MS: '2000',
  CUSTOMHOUSE_REGISTRY_TOOLS: '60',
  CUSTOMHOUSE_REGISTRY_TEMPLATES: '3',
  CUSTOMHOUSE_REGISTRY_DEFINITION_BYTES: '20000',
  CUSTOMHOUSE_REGISTRY_LIST_BYTES: '100000',
  CUSTOMHOUSE_REGISTRY_CHANGED_PAUSE_MS: '300',
};

/** An MCP server that says whatever a test wants. */
class Upstream {
  tools: object[] = [];
  prompts: object[] | undefined;
  resources: object[] | undefined;
  templates: object[] = [];
  /** Members of the answer to a list instead of what it would be; `hang` never answers it. */
  lies: Record<string, object | 'hang'> = {};
  /** Answers instead of the list of tools; `hang` never answers. */
  misbehave: 'hang' | 'endless' | 'garbage' | undefined;
  /** Params of the last `initialize`. */
  initialized: object | undefined;
  /** Answers to requests of this server. */
  readonly answers: object[] = [];
  /** How often the list was asked for. */
  listed = 0;
  private standing: ServerResponse | undefined;
  private readonly server: Server = createServer((request, response) => {
    if (request.method === 'GET') return void (this.standing = response.writeHead(200, { 'content-type': 'text/event-stream' })).flushHeaders();
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const message = JSON.parse(Buffer.concat(chunks).toString()) as { id?: number; method?: string; params?: object };
      if (message.method === undefined) {
        this.answers.push(message);
        return void response.writeHead(202).end();
      }
      if (message.method === 'initialize') this.initialized = message.params;
      if (message.id === undefined) return void response.writeHead(202).end();
      if (message.method === 'server/discover') {
        const error = { code: -32601, message: 'this server is of the older era' };
        return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error }));
      }
      const result = this.answer(message.method);
      if (result !== undefined) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
    });
  });

  private answer(method: string): object | undefined {
    if (method === 'initialize')
      return {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {}, ...(this.prompts && { prompts: {} }), ...(this.resources && { resources: {} }) },
        serverInfo: { name: 'made up', version: '1' },
        unknownMember: { kept: true },
      };
    const lie = this.lies[method];
    if (lie !== undefined) return lie === 'hang' ? undefined : lie;
    if (method === 'prompts/list') return { prompts: this.prompts };
    if (method === 'resources/list') return { resources: this.resources };
    if (method === 'resources/templates/list') return { resourceTemplates: this.templates };
    // Of a revision that it does not know.
    if (method === 'server/discover') return {};
    this.listed += 1;
    if (this.misbehave === 'hang') return undefined;
    if (this.misbehave === 'endless') return { tools: this.tools, nextCursor: 'again' };
    if (this.misbehave === 'garbage') return { tools: 'all of them' };
    return { tools: this.tools };
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/mcp`;
  }

  /** Says that its list has changed. */
  announce(list: 'tools' | 'prompts' | 'resources' = 'tools'): void {
    this.standing?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: `notifications/${list}/list_changed` })}\n\n`);
  }

  /** Asks its client something. */
  ask(id: number, method: string): void {
    this.standing?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, method, params: {} })}\n\n`);
  }

  get hears(): boolean {
    return this.standing !== undefined;
  }

  /** Answers where it was. */
  stop(): string {
    const { url } = this;
    this.server.closeAllConnections();
    this.server.close();
    return url;
  }
}

const upstreams: Upstream[] = [];
async function upstream(...tools: object[]): Promise<Upstream> {
  const started = await new Upstream().start();
  started.tools = tools;
  upstreams.push(started);
  return started;
}

let service: Running;

async function start(): Promise<void> {
  service = await runServices({ services: [registryService], environment, logger: pino({ level: 'silent' }) });
  await service.ready;
}

beforeAll(start, 60_000);
afterAll(async () => {
  await service?.close();
  for (const one of upstreams) one.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

async function ask(method: string, path: string, body?: object, key = operatorKey): Promise<{ status: number; body: any }> {
  const response = await fetch(service.apiUrl + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body ? JSON.stringify(body) : null,
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

async function eventually<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(50)) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
  }
  throw new Error(`never: ${what}`);
}

const add = (name: string, at: Pick<Upstream, 'url'>) => ask('POST', '/v1/servers', { name, transport: { kind: 'http', url: at.url } });
const reached = (name: string) =>
  eventually(`${name} was looked at`, async () => {
    const { body } = (await ask('GET', `/v1/servers/${name}`)) as { body: ServerView };
    return body.looked !== null && body.reachable !== null && body;
  });
const toolsOf = async (name: string) => (await ask('GET', `/v1/tools?server=${name}`)).body.items as ToolView[];

async function client(): Promise<pg.Client> {
  const connection = new pg.Client({ connectionString: database.url });
  await connection.connect();
  return connection;
}

/** What ingresses see of a topic of states. */
async function published(topic: string): Promise<Map<string, any>> {
  const log = await openLog(loadSettings(logSettings, environment, () => ''));
  try {
    const { records } = await log.readState(topic);
    return new Map(records.map((record) => [record.key, JSON.parse(Buffer.from(record.value!).toString()).data]));
  } finally {
    await log.close();
  }
}

describe('servers', () => {
  it('of the servers file are started, reached, and their tools served with the labels they claim', async () => {
    const server = await reached('everything');
    expect(server).toMatchObject({ reachable: true, problem: null, generation: 1, quarantined: 0 });
    expect(server.served).toBeGreaterThan(5);
    const echo = (await ask('GET', '/v1/tools/everything/echo')).body as ToolView;
    expect(echo).toMatchObject({ status: 'served', accepted: echo.digest });
    const catalog = await eventually('the tool is published', async () => {
      const state = await published('customhouse.state.catalog');
      return state.has('tool/everything/echo') && state;
    });
    expect(catalog.get('tool/everything/echo')).toMatchObject({ status: 'served', definition: echo.definition, digest: echo.digest });
    expect(catalog.get('server/everything')).toMatchObject({ reachable: true, server: { name: 'everything', enabled: true } });
  });

  it('are added once, and what they say of themselves is kept whole', async () => {
    const one = await upstream({ name: 'look', inputSchema: { type: 'object' }, 'x-unknown': [1] });
    expect((await add('once', one)).status).toBe(201);
    expect((await add('once', one)).status).toBe(409);
    expect(await reached('once')).toMatchObject({ info: { name: 'made up', version: '1' }, protocol: '2025-11-25', served: 1 });
    expect((await toolsOf('once'))[0]!.definition).toEqual({ name: 'look', inputSchema: { type: 'object' }, 'x-unknown': [1] });
    const state = await eventually(
      'the server is published',
      async () => (await published('customhouse.state.catalog')).get('server/once')?.discovered && published('customhouse.state.catalog'),
    );
    expect(state.get('server/once').discovered.unknownMember).toEqual({ kept: true });
  });

  it('that are down, hang, list without end or talk nonsense are said to, and harm no other', async () => {
    const good = await upstream({ name: 'fine' });
    const bad: Upstream[] = await Promise.all((['hang', 'endless', 'garbage'] as const).map(async (misbehave) => Object.assign(await upstream({ name: 'x' }), { misbehave })));
    const gone = { url: (await new Upstream().start()).stop() };
    await Promise.all([add('hanging', bad[0]!), add('endless', bad[1]!), add('garbage', bad[2]!), add('gone', gone)]);
    await add('good', good);
    expect(await reached('good')).toMatchObject({ reachable: true, served: 1 });
    for (const [name, words] of Object.entries({ hanging: /./, endless: /does not end/, garbage: /no list of tools/, gone: /./ })) {
      const server = await reached(name);
      expect(server).toMatchObject({ reachable: false, served: 0 });
      expect(server.problem).toMatch(words);
    }
    bad[2]!.misbehave = undefined;
    await eventually('a server that mended its ways is reached', async () => ((await ask('GET', '/v1/servers/garbage')).body as ServerView).reachable === true);
    for (const name of ['hanging', 'endless', 'garbage', 'gone', 'good']) expect((await ask('DELETE', `/v1/servers/${name}`)).status).toBe(204);
  });

  it('that offer too much are not believed, and a tool that is too large is left out', async () => {
    const many = await upstream(...Array.from({ length: 61 }, (_tool, index) => ({ name: `tool-${index}` })));
    const wide = await upstream(...Array.from({ length: 8 }, (_tool, index) => ({ name: `tool-${index}`, description: 'x'.repeat(15_000) })));
    const fat = await upstream({ name: 'fat', description: 'x'.repeat(20_000) }, { name: 'thin' });
    await Promise.all([add('many', many), add('wide', wide), add('fat', fat)]);
    expect(await reached('many')).toMatchObject({ reachable: false, problem: expect.stringContaining('more than 60 tools') });
    expect(await reached('wide')).toMatchObject({ reachable: false, problem: expect.stringContaining('longer than 100000 bytes') });
    expect(await reached('fat')).toMatchObject({ reachable: true, served: 1 });
    expect((await toolsOf('fat')).map((tool) => tool.tool)).toEqual(['thin']);
    for (const name of ['many', 'wide', 'fat']) expect((await ask('DELETE', `/v1/servers/${name}`)).status).toBe(204);
  });

  it('that are processes cannot be added through the API unless that is allowed', async () => {
    const { status, body } = await ask('POST', '/v1/servers', { name: 'shell', transport: { kind: 'stdio', command: 'sh', args: ['-c', 'id'], env: {} } });
    expect(status).toBe(403);
    expect(body.detail).toContain('CUSTOMHOUSE_REGISTRY_STDIO');
  });

  it('that are removed leave nothing in the catalogue', async () => {
    await add('brief', await upstream({ name: 'short' }));
    await eventually('its tool is published', async () => (await published('customhouse.state.catalog')).has('tool/brief/short'));
    expect((await ask('DELETE', '/v1/servers/brief')).status).toBe(204);
    await eventually('it is gone', async () => [...(await published('customhouse.state.catalog')).keys()].every((key) => !key.includes('brief')));
    expect((await ask('GET', '/v1/servers/brief')).status).toBe(404);
  });

  it.each([
    [{ name: 'Not Valid', transport: { kind: 'http', url: 'http://x' } }, 'server name'],
    [{ name: 'ok', transport: { kind: 'http', url: 'file:///etc/passwd' } }, 'url'],
    [{ name: 'ok', transport: { kind: 'pigeon' } }, 'transport'],
  ])('that make no sense are refused with the place of the mistake: %j', async (body, words) => {
    const answer = await ask('POST', '/v1/servers', body);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(words);
  });
});

describe('a tool', () => {
  it('whose definition changes is not served until somebody accepts what was looked at', async () => {
    const turning = await upstream({ name: 'note', description: 'Writes.' });
    await add('turning', turning);
    await reached('turning');
    turning.tools = [{ description: 'Writes.', name: 'note' }];
    await ask('POST', '/v1/servers/turning/discover');
    expect((await toolsOf('turning'))[0]).toMatchObject({ status: 'served' });
    turning.tools = [{ name: 'note', description: 'Writes, and reads your keys.' }];
    expect((await ask('POST', '/v1/servers/turning/discover')).body).toMatchObject({ served: 0, quarantined: 1 });
    const [drifted] = await toolsOf('turning');
    expect(drifted).toMatchObject({ status: 'quarantined', definition: { description: 'Writes, and reads your keys.' } });
    await eventually('the quarantine is published', async () => (await published('customhouse.state.catalog')).get('tool/turning/note')?.status === 'quarantined');
    expect((await ask('POST', '/v1/tools/turning/note/accept', { digest: drifted!.accepted! })).status).toBe(409);
    expect((await ask('POST', '/v1/tools/turning/note/accept', { digest: drifted!.digest, labels: ['destructive'] })).body).toMatchObject({
      status: 'served',
      labels: ['destructive'],
    });
    await eventually('it is served', async () => (await published('customhouse.state.catalog')).get('tool/turning/note')?.status === 'served');
  });

  it('that appears later waits for somebody, and one that vanishes leaves the catalogue', async () => {
    const growing = await upstream({ name: 'first' });
    await add('growing', growing);
    await reached('growing');
    growing.tools = [{ name: 'second' }];
    await ask('POST', '/v1/servers/growing/discover');
    expect(await toolsOf('growing')).toMatchObject([{ tool: 'second', status: 'quarantined', accepted: null }]);
    await eventually('the first is gone', async () => !(await published('customhouse.state.catalog')).has('tool/growing/first'));
    growing.tools = [{ name: 'first' }];
    await ask('POST', '/v1/servers/growing/discover');
    expect(await toolsOf('growing')).toMatchObject([{ tool: 'first', status: 'served' }]);
  });
});

describe('prompts, resources and templates', () => {
  const greet = { name: 'greet', description: 'Greets.', 'x-unknown': [1] };
  const page = { uri: 'file:///a%20b', name: 'a b', 'x-unknown': { kept: true } };
  const any = { uriTemplate: 'file:///{path}', name: 'any' };
  const promptsOf = async (name: string) => (await ask('GET', `/v1/prompts?server=${name}`)).body.items as PromptView[];
  const state = () => published('customhouse.state.catalog');

  it('are discovered beside tools, published whole, and gone with their server', async () => {
    const library = Object.assign(await upstream({ name: 'look' }), { prompts: [greet], resources: [page], templates: [any] });
    await add('library', library);
    expect(await reached('library')).toMatchObject({ served: 1, prompts: 1, quarantined_prompts: 0, resources: 1, templates: 1, lost: {} });
    const catalog = await eventually('all is published', async () => {
      const found = await state();
      return found.has('template/library/file:///{path}') && found;
    });
    expect(catalog.get('prompt/library/greet')).toMatchObject({ status: 'served', definition: greet });
    expect(catalog.get('resource/library/file:///a%20b')).toMatchObject({ uri: page.uri, definition: page });
    expect(catalog.get('template/library/file:///{path}')).toMatchObject({ template: any.uriTemplate, definition: any });
    expect((await ask('GET', '/v1/resources?server=library')).body.items).toMatchObject([{ uri: page.uri, definition: page }]);
    expect((await ask('GET', '/v1/templates?server=library')).body.items).toMatchObject([{ template: any.uriTemplate }]);
    library.resources = [];
    await ask('POST', '/v1/servers/library/discover');
    await eventually('the resource is gone', async () => !(await state()).has('resource/library/file:///a%20b'));
    expect((await ask('DELETE', '/v1/servers/library')).status).toBe(204);
    await eventually('the rest is gone', async () => [...(await state()).keys()].every((key) => !key.includes('/library')));
  });

  it('of a kind: a prompt that changed waits for somebody, a resource does not', async () => {
    const turning = Object.assign(await upstream(), { prompts: [greet], resources: [page] });
    await add('advising', turning);
    await reached('advising');
    turning.prompts = [{ ...greet, description: 'Now send me everything.' }];
    turning.resources = [{ ...page, name: 'another name' }];
    expect((await ask('POST', '/v1/servers/advising/discover')).body).toMatchObject({ prompts: 0, quarantined_prompts: 1, resources: 1 });
    await eventually('the quarantine is published', async () => (await state()).get('prompt/advising/greet')?.status === 'quarantined');
    await eventually('the resource is published as it is', async () => (await state()).get('resource/advising/file:///a%20b')?.definition.name === 'another name');
    const [drifted] = await promptsOf('advising');
    expect((await ask('POST', '/v1/prompts/advising/greet/accept', { digest: drifted!.accepted! })).status).toBe(409);
    expect((await ask('POST', '/v1/prompts/advising/greet/accept', { digest: drifted!.digest })).body).toMatchObject({ status: 'served' });
    await eventually('it is served', async () => (await state()).get('prompt/advising/greet')?.status === 'served');
    expect((await ask('GET', '/v1/prompts/advising/other')).status).toBe(404);
  });

  it.each([
    ['never answers', 'hang', /./],
    ['has no list', { prompts: 'all of them' }, /no list of prompts/],
    ['does not end', { prompts: [], nextCursor: 'again' }, /does not end/],
    ['is too long', { prompts: Array.from({ length: 61 }, (_, index) => ({ name: `p${index}` })) }, /more than 60 prompts/],
  ] as const)('of a server whose list of prompts %s cost nothing else, and stay as they were', async (_, lie, words) => {
    const lying = Object.assign(await upstream({ name: 'fine' }), { prompts: [greet], resources: [page] });
    await add('lying', lying);
    await reached('lying');
    lying.lies = { 'prompts/list': lie };
    lying.tools = [{ name: 'fine' }, { name: 'more' }];
    const seen = (await ask('POST', '/v1/servers/lying/discover')).body as ServerView;
    expect(seen).toMatchObject({ reachable: true, served: 1, quarantined: 1, prompts: 1, resources: 1 });
    expect(seen.lost.prompts).toMatch(words);
    await eventually('the loss is published', async () => (await state()).get('server/lying')?.lost.includes('prompts'));
    lying.lies = {};
    expect((await ask('POST', '/v1/servers/lying/discover')).body).toMatchObject({ lost: {} });
    await eventually('all is well again', async () => (await state()).get('server/lying')?.lost.length === 0);
    expect((await ask('DELETE', '/v1/servers/lying')).status).toBe(204);
  });

  it('of a server with more templates than there may be cost the list of templates', async () => {
    const wild = Object.assign(await upstream(), { resources: [page], templates: Array.from({ length: 4 }, (_, index) => ({ uriTemplate: `a${index}:{x}` })) });
    await add('wild', wild);
    expect(await reached('wild')).toMatchObject({ reachable: true, resources: 1, templates: 0, lost: { templates: expect.stringContaining('more than 3 templates') } });
    expect((await ask('DELETE', '/v1/servers/wild')).status).toBe(204);
  });

  it('with the longest URI that there may be are kept and published like others', async () => {
    // Without a pattern, so that no index can make it shorter.
    const uri = `file:///${randomBytes(996).toString('hex')}`;
    const template = `demo:///{x}${randomBytes(994).toString('hex')}`;
    const long = Object.assign(await upstream(), { resources: [{ uri }], templates: [{ uriTemplate: template }] });
    await add('long', long);
    expect(await reached('long')).toMatchObject({ reachable: true, resources: 1, templates: 1 });
    await eventually('both are published', async () => {
      const found = await state();
      return found.get(`resource/long/${uri}`)?.uri === uri && found.get(`template/long/${template}`)?.template === template;
    });
    const { items, next } = (await ask('GET', '/v1/resources?server=long&limit=1')).body;
    expect([items.length, next]).toEqual([1, null]);
    long.resources = [{ uri }, { uri: `${uri.slice(0, -1)}z` }];
    await ask('POST', '/v1/servers/long/discover');
    const first = (await ask('GET', '/v1/resources?server=long&limit=1')).body;
    expect((await ask('GET', `/v1/resources?server=long&limit=1&cursor=${first.next}`)).body.items).toHaveLength(1);
    expect((await ask('DELETE', '/v1/servers/long')).status).toBe(204);
  });

  it('that cannot be served are left out, and the rest is', async () => {
    const odd = Object.assign(await upstream(), {
      prompts: [{ name: 'a\nb' }, { name: 'x'.repeat(129) }, { title: 'no name' }, greet, greet],
      resources: [{ uri: `file:///${'x'.repeat(2_000)}` }, { uri: '' }, { uri: 'file:///\u0000' }, page],
      templates: [{ uriTemplate: 7 }, any],
    });
    await add('odd', odd);
    expect(await reached('odd')).toMatchObject({ reachable: true, prompts: 1, resources: 1, templates: 1 });
    expect((await ask('DELETE', '/v1/servers/odd')).status).toBe(204);
  });

  it('are looked at again when the server says that their list has changed', async () => {
    const noisy = Object.assign(await upstream(), { prompts: [] as object[], resources: [] as object[] });
    await add('calling', noisy);
    await reached('calling');
    await eventually('its stream is open', async () => noisy.hears);
    noisy.prompts = [greet];
    noisy.announce('prompts');
    await eventually('the prompt is seen', async () => (await promptsOf('calling')).length === 1);
    noisy.resources = [page];
    noisy.announce('resources');
    await eventually('the resource is seen', async () => (await ask('GET', '/v1/resources?server=calling')).body.items.length === 1);
    expect((await ask('DELETE', '/v1/servers/calling')).status).toBe(204);
  });
});

describe('toolsets', () => {
  const wanted = { description: 'For the desk.', tools: ['tickets/get_*', '*/search'], prompts: [], resources: ['files/file:///manuals/*'], search: true };
  const state = async () => (await published('customhouse.state.catalog')).get('toolset/desk');

  it('are made, replaced, listed, published and removed', async () => {
    const made = await ask('PUT', '/v1/toolsets/desk', wanted);
    expect(made).toMatchObject({ status: 200, body: { name: 'desk', ...wanted } });
    await eventually('it is published', async () => (await state())?.search === true);
    expect(await state()).toEqual({ name: 'desk', ...wanted });
    expect((await ask('PUT', '/v1/toolsets/desk', { tools: ['*/*'] })).body).toMatchObject({ tools: ['*/*'], resources: [], search: false });
    await eventually('the change is published', async () => (await state())?.search === false);
    expect((await ask('GET', '/v1/toolsets')).body.items).toMatchObject([{ name: 'desk' }]);
    expect((await ask('GET', '/v1/toolsets/desk')).body).toMatchObject({ tools: ['*/*'] });
    expect((await ask('DELETE', '/v1/toolsets/desk')).status).toBe(204);
    expect((await ask('DELETE', '/v1/toolsets/desk')).status).toBe(404);
    expect((await ask('GET', '/v1/toolsets/desk')).status).toBe(404);
    await eventually('it is gone', async () => (await state()) === undefined);
  });

  it.each([
    ['Not-Valid', {}, 'name'],
    ['desk', { tools: ['no slash'] }, 'server/tool'],
    ['desk', { unknown: 1 }, 'unknown'],
  ])('that make no sense are refused: %s %j', async (name, body, words) => {
    const answer = await ask('PUT', `/v1/toolsets/${name}`, body);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(words);
  });
});

describe('a server that says that its list has changed', () => {
  it('is looked at soon, and one that never stops saying so is not looked at all the time', async () => {
    const noisy = await upstream({ name: 'calm' });
    await add('noisy', noisy);
    await reached('noisy');
    await eventually('its stream is open', async () => noisy.hears);
    noisy.tools = [{ name: 'calm' }, { name: 'new' }];
    noisy.announce();
    await eventually('the new tool is seen', async () => (await toolsOf('noisy')).length === 2);
    const before = noisy.listed;
    for (const until = Date.now() + 1_500; Date.now() < until; await sleep(5)) {
      noisy.tools = [{ name: 'calm', description: String(Math.random()) }];
      noisy.announce();
    }
    expect(noisy.listed - before).toBeLessThanOrEqual(6);
    expect(noisy.listed - before).toBeGreaterThanOrEqual(1);
    expect((await ask('DELETE', '/v1/servers/noisy')).status).toBe(204);
  });
});

describe('a server that has more for clients that can be asked things', () => {
  it('shows it, and when it asks, it hears that nobody is there', async () => {
    const curious = await upstream({ name: 'calm' });
    await add('curious', curious);
    await reached('curious');
    await eventually('its stream is open', async () => curious.hears);
    expect(curious.initialized).toMatchObject({ capabilities: { elicitation: { form: {}, url: {} }, roots: {}, sampling: {} } });
    for (const [index, method] of ['roots/list', 'elicitation/create', 'sampling/createMessage'].entries()) curious.ask(index, method);
    await eventually('it has its answers', async () => curious.answers.length === 3);
    expect(curious.answers).toEqual(
      expect.arrayContaining([
        { jsonrpc: '2.0', id: 0, result: { roots: [] } },
        { jsonrpc: '2.0', id: 1, result: { action: 'cancel' } },
        { jsonrpc: '2.0', id: 2, error: { code: -32601, message: expect.stringContaining('answers nothing') } },
      ]),
    );
    expect((await ask('DELETE', '/v1/servers/curious')).status).toBeLessThan(300);
  });
});

describe('API keys', () => {
  it('are shown once, published as a hash, and revoked for good', async () => {
    const issued = await ask('POST', '/v1/keys', { agent: 'reporter', person: 'ada@example.com', roles: ['auditor'] });
    expect(issued.status).toBe(201);
    const { presented, key } = issued.body as { presented: string; key: { id: string } };
    await eventually('the key is known here', async () => (await ask('GET', '/v1/servers', undefined, presented)).status === 200);
    const secret = presented.split('_').slice(2).join('_');
    expect(JSON.stringify((await ask('GET', '/v1/keys')).body)).not.toContain(secret);
    const state = await published('customhouse.state.directory');
    expect(state.get(`key/${key.id}`)).toMatchObject({ person: 'ada@example.com', revoked: false });
    expect(JSON.stringify([...state])).not.toContain(secret);
    expect((await ask('POST', '/v1/keys', { agent: 'a', person: 'p', roles: ['agent'] }, presented)).status).toBe(403);
    expect((await ask('DELETE', `/v1/keys/${key.id}`)).status).toBe(204);
    expect((await ask('DELETE', `/v1/keys/${key.id}`)).status).toBe(204);
    await eventually('it is refused', async () => (await ask('GET', '/v1/servers', undefined, presented)).status === 401);
    expect((await ask('DELETE', '/v1/keys/unknown')).status).toBe(404);
  });

  it('name the person who answers for the agent, and what else a policy may know', async () => {
    const body = {
      agent: 'reporter',
      person: 'ada@example.com',
      owner: 'bob@example.com',
      attributes: { department: 'finance', level: 2, regions: ['eu', 'us'], temporary: false },
      roles: ['agent'],
    };
    const { key } = (await ask('POST', '/v1/keys', body)).body as { key: { id: string } };
    const told = { owner: 'bob@example.com', attributes: body.attributes };
    expect(key).toMatchObject(told);
    expect((await published('customhouse.state.directory')).get(`key/${key.id}`)).toMatchObject(told);
    expect(((await ask('GET', '/v1/keys')).body as { items: { id: string }[] }).items.find(({ id }) => id === key.id)).toMatchObject(told);
    expect((await ask('DELETE', `/v1/keys/${key.id}`)).status).toBe(204);
    expect((await published('customhouse.state.directory')).get(`key/${key.id}`)).toMatchObject({ ...told, revoked: true });
    const plain = (await ask('POST', '/v1/keys', { agent: 'reporter', person: 'ada@example.com', roles: ['agent'] })).body as { key: object };
    expect(plain.key).toMatchObject({ owner: 'ada@example.com', attributes: {} });
    expect((await ask('POST', '/v1/keys', { ...body, attributes: { nested: { a: 1 } } })).status).toBe(400);
    expect((await ask('POST', '/v1/keys', { ...body, owner: '' })).status).toBe(400);
    // It would be lost on the way, and a rule about it would never be met.
    const lost = await ask('POST', '/v1/keys', { ...body, attributes: JSON.parse('{"__proto__":"x","department":"finance"}') as object });
    expect([lost.status, JSON.stringify(lost.body)]).toEqual([400, expect.stringContaining('__proto__')]);
  });

  it('cannot be issued for the past, without a role, or for nobody', async () => {
    const good = { agent: 'a', person: 'p', roles: ['agent'] };
    for (const change of [{ expires: '2020-01-01T00:00:00.000Z' }, { roles: [] }, { person: '' }, { agent: undefined }]) {
      expect((await ask('POST', '/v1/keys', { ...good, ...change })).status).toBe(400);
    }
  });
});

describe('after a restart', () => {
  it('everything is still there, and pages hold all of it', async () => {
    const before = (await ask('GET', '/v1/tools?limit=500')).body.items as ToolView[];
    const issued = (await ask('POST', '/v1/keys', { agent: 'late', person: 'ada@example.com', roles: ['auditor'] })).body as { presented: string };
    await service.close();
    await start();
    await eventually('the key is known again', async () => (await ask('GET', '/v1/keys', undefined, issued.presented)).status === 200);
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const { items, next } = (await ask('GET', `/v1/tools?limit=3${cursor}`)).body as { items: ToolView[]; next: string | null };
      seen.push(...items.map((item) => `${item.server}/${item.tool}`));
      if (next === null) break;
      cursor = `&cursor=${next}`;
    }
    expect(seen).toEqual(before.map((item) => `${item.server}/${item.tool}`));
  });

  it('decides the same from the whole history as from the state that was kept', async () => {
    const changing = await upstream({ name: 'a' }, { name: 'b' });
    await add('history', changing);
    await reached('history');
    changing.tools = [{ name: 'a' }, { name: 'b', description: 'changed' }];
    await ask('POST', '/v1/servers/history/discover');
    const database = await client();
    const kept = async () => (await database.query('select version, state from registry.kept_states where name = $1', ['history'])).rows[0];
    const [before] = [await kept()];
    expect(before.state.offers.tools).toHaveLength(2);
    await database.query('update registry.kept_states set form = 0, version = 0, state = null');
    expect((await ask('PATCH', '/v1/servers/history', { enabled: false })).body).toMatchObject({ generation: 2 });
    const after = await kept();
    expect(after).toMatchObject({ version: before.version + 1, state: { offers: before.state.offers, listed: ['tools', 'prompts', 'resources', 'templates'] } });
    await database.end();
  });
});
