import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { canReach } from '../src/account.js';
import { installedBinaries, usableBinaries } from '../src/binaries.js';
import { startLocalPostgres, type LocalPostgres, type LocalPostgresOptions } from '../src/local-postgres.js';

jest.setTimeout(60_000);

const root = process.getuid?.() === 0;
const asRoot = root ? it : it.skip;
const ownerScript = fileURLToPath(new URL('owner.mjs', import.meta.url));

const folders: string[] = [];
const servers: LocalPostgres[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'customhouse-postgres-'));
  folders.push(made);
  // As a data folder that the program made: root's server must get through.
  if (root) chmodSync(made, 0o711);
  return made;
}

async function start(dataDir: string, more: Partial<LocalPostgresOptions> = {}): Promise<LocalPostgres> {
  const server = await startLocalPostgres({ dataDir, ...more });
  servers.push(server);
  return server;
}

async function query<Row extends pg.QueryResultRow = any>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Another process that owns a server. */
async function owner(dataDir: string, prefix: readonly string[] = []): Promise<{ child: ChildProcess; url: string; pid: number }> {
  const [command, ...args] = [...prefix, process.execPath, ownerScript, dataDir];
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let said = '';
  let complained = '';
  child.stdout!.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (complained += chunk.toString()));
  while (!said.includes('\n')) {
    if (child.exitCode !== null) throw new Error(`the owner ended: ${complained}`);
    await sleep(20);
  }
  return { child, ...(JSON.parse(said) as { url: string; pid: number }) };
}

/** Undefined for a process that has ended. */
function nameOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  for (let waited = 0; lives(pid); waited += 50) {
    if (waited > 15_000) throw new Error(`process ${pid} lives on`);
    await sleep(50);
  }
}

describe('the local PostgreSQL', () => {
  it('keeps what was committed over a stop and a start, and starts fast the second time', async () => {
    const dataDir = folder();
    const messages: string[] = [];
    const began = performance.now();
    const first = await start(dataDir, { onProgress: (message) => messages.push(message) });
    const cold_ms = performance.now() - began;
    // On a slow machine it also says that it waits.
    expect(messages[0]).toBe('creating the database (once, a few seconds)');
    await query(first.url, 'create table kept (id int); insert into kept values (42)');
    await first.stop();
    await first.stop();
    expect(existsSync(join(dataDir, 'cluster', 'postmaster.pid'))).toBe(false);
    const started = performance.now();
    const second = await start(dataDir, { onProgress: (message) => messages.push(message) });
    expect(performance.now() - started).toBeLessThan(cold_ms);
    expect(messages.filter((message) => message.startsWith('creating'))).toHaveLength(1);
    expect(await query(second.url, 'select id from kept')).toEqual([{ id: 42 }]);
  });

  it('is durable, listens on loopback only, and demands the password that only its owner can read', async () => {
    const dataDir = folder();
    const { url, port } = await start(dataDir);
    const settings = await query<{ name: string; setting: string }>(
      url,
      `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses', 'unix_socket_directories', 'password_encryption')`,
    );
    expect(Object.fromEntries(settings.map((row) => [row.name, row.setting]))).toEqual({
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      password_encryption: 'scram-sha-256',
    });
    expect(statSync(join(dataDir, 'password')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, 'cluster')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'postgres.log')).mode & 0o777).toBe(0o600);
    const wrong = new URL(url);
    wrong.password = 'guess';
    await expect(query(wrong.href, 'select 1')).rejects.toThrow('password authentication failed');
    await expect(query(`postgres://customhouse@127.0.0.1:${port}/customhouse`, 'select 1')).rejects.toThrow();
    expect(readFileSync(join(dataDir, 'postgres.log'), 'utf8')).not.toContain(new URL(url).password);
  });

  it('that is in use is not started again, and the message says by whom', async () => {
    const dataDir = folder();
    const { child } = await owner(dataDir);
    await expect(startLocalPostgres({ dataDir })).rejects.toThrow(`the database is in use by another process (${child.pid})`);
  });

  it('ends soon after its owner was killed, and the next start finds everything that was committed', async () => {
    const dataDir = folder();
    const first = await owner(dataDir);
    await query(first.url, 'create table kept (id int); insert into kept values (7)');
    first.child.kill('SIGKILL');
    await gone(first.pid);
    const second = await start(dataDir);
    expect(await query(second.url, 'select id from kept')).toEqual([{ id: 7 }]);
  });

  it('that was left behind by an owner and a watcher who were both killed is stopped by the next start', async () => {
    const dataDir = folder();
    const first = await owner(dataDir);
    // The watcher is the child of the server that is a shell.
    const children = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, 'utf8').trim().split(' ');
    for (const child of children) if (nameOf(child) === 'sh') process.kill(Number(child), 'SIGKILL');
    first.child.kill('SIGKILL');
    await sleep(500);
    expect(lives(first.pid)).toBe(true);
    const messages: string[] = [];
    await start(dataDir, { onProgress: (message) => messages.push(message) });
    expect(messages).toEqual(['stopping the database server that a killed process left behind']);
    expect(lives(first.pid)).toBe(false);
  });

  it('ends when its owner is asked to end, and is there until the owner has finished', async () => {
    const first = await owner(folder());
    first.child.kill('SIGTERM');
    await gone(first.pid);
    for (let waited = 0; first.child.exitCode === null && waited < 5_000; waited += 50) await sleep(50);
    expect(first.child.exitCode).toBe(0);
  });

  it('that is killed is started again on the same port, and says so', async () => {
    const problems: (string | undefined)[] = [];
    const server = await start(folder(), { onProblem: (message) => problems.push(message) });
    await query(server.url, 'create table kept (id int); insert into kept values (1)');
    const { pid, port } = server;
    process.kill(pid!, 'SIGKILL');
    for (let waited = 0; problems.at(-1) !== undefined || problems.length === 0; waited += 50) {
      if (waited > 20_000) throw new Error('it is not back');
      await sleep(50);
    }
    expect(problems[0]).toContain('ended unexpectedly');
    expect([server.port, server.pid === pid]).toEqual([port, false]);
    expect(await query(server.url, 'select id from kept')).toEqual([{ id: 1 }]);
  });

  it('starts beside a pid file whose number belongs to somebody else now', async () => {
    const dataDir = folder();
    await (await start(dataDir)).stop();
    const file = join(dataDir, 'cluster', 'postmaster.pid');
    writeFileSync(file, [process.pid, join(dataDir, 'cluster'), 1, 5432, '', '127.0.0.1', '', 'ready'].join('\n'));
    if (root) chownSync(file, statSync(join(dataDir, 'cluster')).uid, statSync(join(dataDir, 'cluster')).gid);
    const server = await start(dataDir);
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('says that its port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await expect(startLocalPostgres({ dataDir: folder(), port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the port is in use`);
    taken.close();
  });

  it('is made anew when the making was interrupted, and the remains are removed', async () => {
    const dataDir = folder();
    mkdirSync(join(dataDir, 'cluster.new-0123'));
    writeFileSync(join(dataDir, 'cluster.new-0123', 'PG_VERSION'), '18');
    const server = await start(dataDir);
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(readdirSync(dataDir).filter((name) => name.includes('new-'))).toEqual([]);
  });

  it('of another major version is refused with what to do', async () => {
    const dataDir = folder();
    await (await start(dataDir)).stop();
    writeFileSync(join(dataDir, 'cluster', 'PG_VERSION'), '17\n');
    await expect(startLocalPostgres({ dataDir })).rejects.toThrow('was made by PostgreSQL 17, and this is 18');
  });

  it('that cannot start shows what its log says', async () => {
    const dataDir = folder();
    await (await start(dataDir)).stop();
    writeFileSync(join(dataDir, 'cluster', 'postgresql.conf'), 'no_such_setting = 1\n');
    await expect(startLocalPostgres({ dataDir })).rejects.toThrow(/postgres\.log\) ends with:[^]*no_such_setting/);
  });

  it('is not to be had for a platform without a package, and the message says what else there is', () => {
    expect(() => installedBinaries('plan9', 'mips')).toThrow('CUSTOMHOUSE_DATABASE_URL');
  });

  it('gets the links of its libraries made where npm ran no scripts', async () => {
    const bare = folder();
    cpSync(installedBinaries().folder, join(bare, 'native'), {
      recursive: true,
      filter: (path) =>
        !path.endsWith('.a') &&
        !(path.includes('/lib/') && /\.so(\.\d+)?$/.test(path) && !/libcrypto|libssl|liblzma|libossp|libxml2|libxslt|libz/.test(path) && !path.includes('/postgresql/')),
    });
    const usable = usableBinaries({ folder: join(bare, 'native'), version: 'test' }, undefined, bare, () => undefined);
    expect(usable.folder).toBe(join(bare, 'native'));
  });
});

describe('the local PostgreSQL, started by root', () => {
  asRoot('runs as an account that exists and is not root', async () => {
    const server = await start(folder());
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).not.toBe('0');
    expect(/^Groups:\s*$/m.test(status)).toBe(true);
  });

  asRoot('puts its files where the account can reach them, when the data folder is out of its reach, and finds them again', async () => {
    const dataDir = join(folder(), 'private', 'data');
    mkdirSync(join(dataDir, '..'), { mode: 0o700 });
    const outside = folder();
    const messages: string[] = [];
    const first = await start(dataDir, { outside, onProgress: (message) => messages.push(message) });
    expect(messages.join()).toContain(`the database files are in ${outside}/`);
    await query(first.url, 'create table kept (id int); insert into kept values (3)');
    await first.stop();
    expect(statSync(join(dataDir, 'password')).uid).toBe(0);
    expect(statSync(join(dataDir, '..')).mode & 0o777).toBe(0o700);
    const second = await start(dataDir, { outside });
    expect(await query(second.url, 'select id from kept')).toEqual([{ id: 3 }]);
  });

  asRoot('copies the binaries when they are out of the reach of the account', async () => {
    const hidden = join(folder(), 'hidden');
    mkdirSync(hidden, { mode: 0o700 });
    cpSync(installedBinaries().folder, join(hidden, 'native'), { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') });
    const account = { name: 'nobody', uid: 65534, gid: 65534 };
    expect(canReach(account, hidden)).toBe(false);
    const room = folder();
    const messages: string[] = [];
    const usable = usableBinaries({ folder: join(hidden, 'native'), version: '18.4.0' }, account, room, (message) => messages.push(message));
    expect(usable.folder).toBe(join(room, 'postgresql-18.4.0'));
    expect(messages).toEqual(['copying the database server to where it can run']);
    expect(spawnSync(join(usable.folder, 'bin', 'postgres'), ['--version'], { uid: 65534, gid: 65534, cwd: '/', encoding: 'utf8' }).stdout).toContain('PostgreSQL');
    expect(usableBinaries({ folder: join(hidden, 'native'), version: '18.4.0' }, account, room, (message) => messages.push(message))).toEqual(usable);
    expect(messages).toHaveLength(1);
  });
});

describe('the local PostgreSQL, started by an ordinary user', () => {
  asRoot('runs as that user', async () => {
    const dataDir = join(folder(), 'data');
    mkdirSync(dataDir, { mode: 0o700 });
    chownSync(dataDir, 65534, 65534);
    const started = await owner(dataDir, ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']);
    expect(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${started.pid}/status`, 'utf8'))?.[1]).toBe('65534');
    expect(await query(started.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    started.child.kill('SIGTERM');
    await gone(started.pid);
  });

  asRoot('says so when the folder is not its own', async () => {
    const dataDir = folder();
    chmodSync(dataDir, 0o700);
    await expect(owner(join(dataDir, 'data'), ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'])).rejects.toThrow(/the folder .*data cannot be made: EACCES/);
  });
});
