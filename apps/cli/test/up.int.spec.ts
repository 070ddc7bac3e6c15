import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { customhouse, root, TestGateway, type Ready } from './gateway.js';

jest.setTimeout(120_000);

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'tools/build.mjs')]);
});

const gateways: TestGateway[] = [];
const held: Server[] = [];
const fresh = (): TestGateway => {
  const gateway = new TestGateway();
  gateways.push(gateway);
  return gateway;
};
afterEach(async () => {
  for (const server of held.splice(0)) server.close();
  for (const gateway of gateways.splice(0)) {
    await gateway.destroy();
    expect(processesOn(gateway.data)).toEqual([]);
  }
});

/** Everything that runs with this folder on its command line: the gateway, its database. */
function processesOn(folder: string): string[] {
  return execFileSync('ps', ['-eo', 'pid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(folder) && !/^\s*\d+ Z/.test(line) && !line.includes(' ps -eo'));
}

async function eventually(good: () => boolean): Promise<boolean> {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline;) {
    if (good()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return good();
}

/** Holds a port, unless somebody else does already. */
async function hold(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  const taken = once(server, 'error').then(() => undefined);
  await Promise.race([once(server, 'listening').then(() => held.push(server)), taken]);
}

describe('customhouse up', () => {
  it('says in one line where it is, keeps secrets to itself, and leaves nothing running', async () => {
    const gateway = fresh();
    const ready = await gateway.start();
    expect(ready).toEqual({
      ready: true,
      mcp: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/),
      api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      key: expect.stringMatching(/^chk_[0-9a-f]{16}_/),
      operator_key_file: join(gateway.data, 'operator-key'),
      data: gateway.data,
      log_file: join(gateway.data, 'customhouse.log'),
    });
    for (const name of ['operator-key', 'agent-key', 'sealing-key', 'running.json', 'customhouse.log', 'instance'])
      expect([name, statSync(join(gateway.data, name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(statSync(gateway.data).mode & 0o066).toBe(0);
    expect(JSON.parse(readFileSync(join(gateway.data, 'running.json'), 'utf8'))).toMatchObject({ state: 'ready', pid: gateway.pid, mcp: ready.mcp, api: ready.api });
    const secrets = [
      ready.key,
      readFileSync(ready.operator_key_file!, 'utf8').trim(),
      readFileSync(join(gateway.data, 'sealing-key'), 'utf8').trim(),
      readFileSync(join(gateway.data, 'postgres/password'), 'utf8').trim(),
    ];
    const said = gateway.stderr + readFileSync(ready.log_file, 'utf8') + execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' });
    for (const secret of secrets) expect(said).not.toContain(secret);

    const ended = await gateway.end('SIGINT');
    expect(ended.code).toBe(0);
    expect(ended.took_ms).toBeLessThan(15_000);
    expect(existsSync(join(gateway.data, 'running.json'))).toBe(false);
    expect(processesOn(gateway.data)).toEqual([]);
    expect(gateway.stderr).toContain(`Stopped. The data stays in ${gateway.data}`);
  });

  it('has everything again at the next start, and does not bring back what was removed', async () => {
    const gateway = fresh();
    const first = await gateway.start();
    await gateway.json('server', 'remove', 'everything');
    const { key } = await gateway.json<{ key: { id: string } }>('keys', 'create', '--agent', 'kept', '--person', 'ada@example.com', '--role', 'agent');
    await gateway.end('SIGTERM');
    const second = await gateway.start();
    expect(second.key).toBe(first.key);
    expect(await gateway.json('server', 'list')).toMatchObject({ items: [] });
    expect((await gateway.json<{ items: { id: string }[] }>('keys', 'list')).items.map(({ id }) => id)).toContain(key.id);
    expect(await gateway.json('doctor')).toMatchObject({ ok: true });
  });

  it('has everything again after it was killed, and says so meanwhile', async () => {
    const gateway = fresh();
    await gateway.start();
    const { call } = await gateway.json<{ call: string }>('call', 'everything__echo', 'message=before the crash');
    await gateway.end('SIGKILL');
    const meanwhile = await gateway.run('server', 'list');
    expect(meanwhile).toMatchObject({ code: 5, stderr: expect.stringContaining('has ended without an orderly stop') });
    await gateway.start();
    expect((await gateway.json<{ items: { name: string }[] }>('server', 'list')).items).toHaveLength(1);
    let shown = '';
    expect(await eventuallyAsync(async () => (shown = (await gateway.run('audit', 'show', call)).stdout).includes('completed'))).toBe(true);
    expect(shown).toContain('before the crash');
  });

  it('is refused where another one runs, which goes on', async () => {
    const gateway = fresh();
    await gateway.start();
    const second = await customhouse(['up', '--data', gateway.data, '--port', '0', '--json']);
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(second.stderr.slice(second.stderr.indexOf('{"error"')))).toMatchObject({ error: { message: `process ${gateway.pid} already runs on ${gateway.data}` } });
    expect((await gateway.run('call', 'everything__echo', 'message=still here')).stdout).toBe('Echo: still here\n');
  });

  it('takes other ports when the usual ones are taken, and says which', async () => {
    await hold(8400);
    await hold(8401);
    const gateway = fresh();
    const ready: Ready = await gateway.start([]);
    expect(new URL(ready.mcp).port).not.toBe('8400');
    expect(new URL(ready.api).port).not.toBe('8401');
    expect(gateway.stderr).toMatch(/port 8400 is taken; the address for agents uses \d+ instead \(--port chooses one\)/);
    expect(gateway.stderr).toMatch(/port 8401 is taken; the control API uses \d+ instead \(--api-port chooses one\)/);
  });

  it('registers no sample server when told not to', async () => {
    const gateway = fresh();
    await gateway.start(['--port', '0', '--no-demo-servers']);
    expect(await gateway.json('server', 'list')).toMatchObject({ items: [] });
  });

  it('uses the operator key that the environment gives, and makes none', async () => {
    const gateway = fresh();
    const key = `chk_given_${'0'.repeat(32)}`;
    const ready = await gateway.start(['--port', '0'], { CUSTOMHOUSE_BOOTSTRAP_KEY: key });
    expect(ready).toMatchObject({ operator_key_file: null, key: expect.stringMatching(/^chk_/) });
    expect(existsSync(join(gateway.data, 'operator-key'))).toBe(false);
    expect(await gateway.run('server', 'list')).toMatchObject({ code: 6, stderr: expect.stringContaining('the running gateway has no operator key of its own') });
    expect((await customhouse(['--data', gateway.data, 'server', 'list'], { environment: { CUSTOMHOUSE_KEY: key } })).code).toBe(0);
  });

  it('ends when it is interrupted while it starts, and can be started then', async () => {
    const gateway = fresh();
    const child = spawn(process.execPath, [join(root, 'apps/cli/bin/customhouse.mjs'), 'up', '--json', '--port', '0', '--data', gateway.data], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => text.includes('creating the database') && child.kill('SIGINT'));
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(130);
    expect(existsSync(join(gateway.data, 'running.json'))).toBe(false);
    expect(await eventually(() => processesOn(gateway.data).length === 0)).toBe(true);
    await gateway.start();
  });
});

async function eventuallyAsync(good: () => Promise<boolean>): Promise<boolean> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline;) if (await good()) return true;
  return good();
}

describe('customhouse up that cannot start', () => {
  const started = async (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
    const gateway = fresh();
    const ran = await customhouse(['up', '--data', gateway.data, '--port', '0', ...args], { environment });
    expect(ran.stdout).toBe('');
    expect(ran.stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(join(gateway.data, 'running.json'))).toBe(false);
    return ran;
  };

  it('names the port that is taken, and what to do', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    held.push(server);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const ran = await started(['--api-port', String(port)]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`error: the control API cannot listen on 127.0.0.1:${port}: the port is taken. Choose another with --api-port (0 takes any free one)`);
  });

  it.each([
    [['--port', '70000'], '--port is "70000": it must be a port, 0 to 65535', 2],
    [['--api-port', 'x'], '--api-port is "x": it must be a port, 0 to 65535', 2],
    [['--host', '192.0.2.1'], 'this machine has no such address', 1],
    [['--data', '/dev/null/data'], 'the data folder /dev/null/data cannot be made or written (ENOTDIR): choose another one with --data DIR', 1],
    [['extra'], 'too many arguments', 2],
  ])('says what is wrong with %j', async (args, message, code) => {
    const ran = await started(args);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toContain(message);
  });

  it('names every setting that is wrong, at once', async () => {
    const ran = await started([], { CUSTOMHOUSE_INGRESS_BODY_BYTES: 'much', CUSTOMHOUSE_LOG_LEVEL: 'loud' });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('CUSTOMHOUSE_INGRESS_BODY_BYTES is "much": not a number');
    expect(ran.stderr).toContain('CUSTOMHOUSE_LOG_LEVEL is "loud"');
  });

  it('says which log does not answer', async () => {
    const ran = await started([], { CUSTOMHOUSE_LOG_URL: 'kafka://127.0.0.1:9', CUSTOMHOUSE_START_TIMEOUT_MS: '1000' });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('error: the log did not answer for 1000 ms');
  });

  it('says which database does not answer, and never its password', async () => {
    const ran = await started([], { CUSTOMHOUSE_DATABASE_URL: 'postgres://me:secret@127.0.0.1:9/x', CUSTOMHOUSE_START_TIMEOUT_MS: '1000' });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/did not answer for 1000 ms/);
    expect(ran.stderr).not.toContain('secret');
  });

  it('does not make a new sealing key where the old one was lost but the data is there', async () => {
    const gateway = fresh();
    await gateway.start();
    await gateway.end();
    writeFileSync(join(gateway.data, 'sealing-key'), 'not a key');
    const ran = await customhouse(['up', '--data', gateway.data, '--port', '0']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`${gateway.data}/sealing-key is not a key file`);
  });
});

describe('npm start', () => {
  const start = join(root, 'tools/start.mjs');

  it('shows an allowed, a refused and a held call, and the audit of them', async () => {
    const gateway = fresh();
    const child = spawn(process.execPath, [start, '--port', '0', '--data', gateway.data], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.includes('Ctrl-C stops it')) child.kill('SIGINT');
    });
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(stdout).toMatch(/1\. everything__echo[^]*allowed, recorded, done: Echo: hello/);
    expect(stdout).toMatch(/2\. everything__get-env[^]*refused: Refused by policy: [^\n]*\(rule process-environment\)/);
    expect(stdout).toMatch(
      /3\. everything__get-sum[^]*held for approval [0-9A-Z]{26}[^]*approved by bootstrap-operator, who is somebody else than developer@localhost[^]*allowed, recorded, done: The sum of/,
    );
    expect(stdout).toMatch(
      /The audit has all three:\n[^\n]*allow \(read-only-tools\) +completed[^\n]*\n[^\n]*refuse \(process-environment\) +refused[^\n]*\n[^\n]*hold \(demonstration-hold\) +completed/,
    );
    expect(stdout).toContain('Customhouse is running.');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('leaves nothing behind when its script gets a %s', async (signal) => {
    const gateway = fresh();
    const child = spawn(process.execPath, [start, '--json', '--port', '0', '--data', gateway.data], { stdio: ['ignore', 'pipe', 'ignore'] });
    const lines: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.split('\n').filter((line) => line !== ''));
      child.kill(signal);
    });
    await once(child, 'exit');
    expect(lines.map((line) => (JSON.parse(line) as Ready).ready)).toEqual([true]);
    expect(await eventually(() => processesOn(gateway.data).length === 0)).toBe(true);
    expect(existsSync(join(gateway.data, 'running.json'))).toBe(false);
  });
});

describe('a data folder', () => {
  it('may be there already, empty, with a blank in its name', async () => {
    const gateway = fresh();
    const data = join(gateway.data, 'my data');
    mkdirSync(data);
    chmodSync(gateway.data, 0o755);
    const child = spawn(process.execPath, [join(root, 'apps/cli/bin/customhouse.mjs'), 'up', '--json', '--port', '0', '--data', data], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(readdirSync(data)).toContain('operator-key');
  });
});
