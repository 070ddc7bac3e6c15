import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { HttpClient } from '../src/http-client.js';
import type { UpstreamLogger } from '../src/logger.js';
import { openUpstream, type UpstreamOptions } from '../src/open-upstream.js';
import { SupervisedUpstream } from '../src/supervised-upstream.js';
import type { CallOptions, Upstream } from '../src/upstream.js';
import { eventually } from './stand-in.js';

const script = fileURLToPath(new URL('./bad-child.mjs', import.meta.url));
const limits: CallOptions = { timeout_ms: 3_000, max_bytes: 1_000_000 };
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const upstream of opened.splice(0)) await upstream.close();
});

async function start(mode: string, more: Partial<UpstreamOptions> = {}, env: Record<string, string> = {}): Promise<Upstream> {
  const upstream = await openUpstream(
    { kind: 'stdio', command: process.execPath, args: [script, mode], env },
    { clientInfo: { name: 'test', version: '1' }, http: new HttpClient(), close_timeout_ms: 800, ...more },
  );
  opened.push(upstream);
  return upstream;
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => new Error('expected a failure'),
    (error: unknown) => error,
  );

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a stdio upstream', () => {
  it('answers calls, in whatever order the server likes', async () => {
    const upstream = await start('out-of-order');
    expect(upstream.protocol).toBe('2025-06-18');
    const answers = await Promise.all([1, 2, 3].map(() => upstream.call({ method: 'tools/call' }, limits)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(3);
  });

  it('leaves out what is printed, what is no JSON-RPC, and a second result for one id', async () => {
    expect(await (await start('prints')).call({ method: 'x' }, limits)).toEqual({ result: { method: 'x' } });
    const garbage = await start('garbage');
    expect(await garbage.call({ method: 'x' }, limits)).toEqual({ result: { after: 'garbage' } });
    const twice = await start('two-results');
    expect(await twice.call({ method: 'x' }, limits)).toEqual({ result: { first: true } });
    expect(await twice.call({ method: 'x' }, limits)).toEqual({ result: { first: true } });
  });

  it.each(['hangs', 'wrong-id'])('gives up on a server that %s, and tells it', async (mode) => {
    const upstream = await start(mode);
    const heard: JsonObject[] = [];
    upstream.onMessage((message) => heard.push(message));
    expect(await failure(upstream.call({ method: 'x' }, { ...limits, timeout_ms: 100 }))).toMatchObject({ reason: 'timeout', sent: 'maybe' });
    await eventually(() => heard.length > 0, 'the echo of the cancellation');
    expect(heard[0]!['params']).toEqual({ cancelled: 1 });
  });

  it('says "maybe sent" when the server dies in the middle, and "not sent" afterwards', async () => {
    const upstream = await start('dies');
    expect(await failure(upstream.call({ method: 'x' }, limits))).toMatchObject({ reason: 'closed', sent: 'maybe' });
    expect(await upstream.closed).toBe('the process exited with code 7');
    expect(await failure(upstream.call({ method: 'x' }, limits))).toMatchObject({ reason: 'closed', sent: 'no' });
  });

  it('hears what a server said just before it ended', async () => {
    const upstream = await start('answers-and-exits');
    expect(await upstream.call({ method: 'x' }, limits)).toMatchObject({ result: { last: true } });
    expect(await upstream.closed).toBe('the process exited with code 0');
  });

  it('takes a time limit of many weeks for what it says', async () => {
    const upstream = await start('progress');
    expect(await upstream.call({ method: 'x', params: { _meta: {} } }, { ...limits, timeout_ms: 2 ** 40 })).toHaveProperty('result');
  });

  it('refuses an answer above the limit of the call and goes on', async () => {
    const upstream = await start('huge');
    expect(await failure(upstream.call({ method: 'x' }, limits))).toMatchObject({ reason: 'too-large', sent: 'maybe' });
    expect(await upstream.call({ method: 'x' }, { ...limits, max_bytes: 4_000_000 })).toHaveProperty('result');
  });

  it('ends a server that writes a line without end', async () => {
    const upstream = await start('endless-line', { max_message_bytes: 500_000 });
    expect(await failure(upstream.call({ method: 'x' }, limits))).toMatchObject({ reason: 'closed', sent: 'maybe' });
    expect(await upstream.closed).toMatch(/more than 500000 bytes/);
  });

  it('gives the process a short list of our environment and what was configured', async () => {
    process.env['CUSTOMHOUSE_TEST_SECRET'] = 'must not be seen';
    const upstream = await start('environment', {}, { GIVEN: 'yes' });
    const answer = (await upstream.call({ method: 'x' }, limits)) as { result: { names: string[]; given: string } };
    delete process.env['CUSTOMHOUSE_TEST_SECRET'];
    expect(answer.result.given).toBe('yes');
    expect(answer.result.names).toContain('PATH');
    const allowed = ['GIVEN', 'HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'TMPDIR', 'TZ', 'USER', '__CF_USER_TEXT_ENCODING'];
    expect(answer.result.names.filter((name) => !allowed.includes(name))).toEqual([]);
  });

  it('gives it further variables of ours only by name', async () => {
    process.env['CUSTOMHOUSE_TEST_SHARED'] = 'seen';
    const upstream = await start('environment', { inherit: ['CUSTOMHOUSE_TEST_SHARED'] });
    const answer = (await upstream.call({ method: 'x' }, limits)) as { result: { names: string[] } };
    delete process.env['CUSTOMHOUSE_TEST_SHARED'];
    expect(answer.result.names).toContain('CUSTOMHOUSE_TEST_SHARED');
  });

  it('holds it to limits of what it may take, and takes its arguments for no commands', async () => {
    const upstream = await start('limits', { limits: { open_files: 111, cpu_seconds: 222, address_space_bytes: 64 * 2 ** 30 } });
    const answer = (await upstream.call({ method: 'x' }, limits)) as { result: { limits: string } };
    if (process.platform !== 'linux') return;
    const limitOf = (name: string): string | undefined => new RegExp(`^${name} +(\\S+)`, 'm').exec(answer.result.limits)?.[1];
    expect([limitOf('Max open files'), limitOf('Max cpu time'), limitOf('Max address space'), limitOf('Max core file size')]).toEqual(['111', '222', String(64 * 2 ** 30), '0']);
    const quoted = await openUpstream(
      { kind: 'stdio', command: process.execPath, args: [script, 'echo-arguments', '$(id); "`x`"', ''], env: {} },
      { clientInfo: { name: 'test', version: '1' }, http: new HttpClient(), limits: { open_files: 200 } },
    );
    opened.push(quoted);
    expect(await quoted.call({ method: 'x' }, limits)).toEqual({ result: { args: ['$(id); "`x`"', ''] } });
  });

  it('maps progress tokens', async () => {
    const upstream = await start('progress');
    const seen: JsonObject[] = [];
    const answer = await upstream.call({ method: 'x', params: { _meta: { progressToken: 'mine' } } }, { ...limits, onMessage: (message) => seen.push(message) });
    expect(answer).toEqual({ result: { token: 1 } });
    expect(seen.map((message) => message['params'])).toEqual([{ progressToken: 'mine', progress: 1 }]);
  });

  it('says what could not be started', async () => {
    const opening = openUpstream({ kind: 'stdio', command: '/no/such/program', args: [], env: {} }, { clientInfo: { name: 'test', version: '1' }, http: new HttpClient() });
    expect(await failure(opening)).toMatchObject({ reason: 'spawn-failed', sent: 'no', message: expect.stringContaining('/no/such/program') });
    const nul = openUpstream({ kind: 'stdio', command: 'a\0b', args: [], env: {} }, { clientInfo: { name: 'test', version: '1' }, http: new HttpClient() });
    expect(await failure(nul)).toMatchObject({ reason: 'spawn-failed' });
    expect(await failure(start('exits-at-once'))).toMatchObject({ reason: 'closed', message: expect.stringContaining('code 3') });
  });

  it('is started again after it was killed, and leaves no zombie behind', async () => {
    const pids: number[] = [];
    const supervised = new SupervisedUpstream({ open: () => start('pid'), backoff_min_ms: 1, backoff_max_ms: 2 });
    opened.push({ close: () => supervised.close() });
    for (let life = 0; life < 3; life += 1) {
      let upstream: Upstream | undefined;
      // Between two lives it refuses for a moment.
      while (upstream === undefined) upstream = await supervised.connect().catch(() => sleep(5, undefined));
      const answer = (await upstream.call({ method: 'x' }, limits)) as { result: { pid: number } };
      pids.push(answer.result.pid);
      process.kill(answer.result.pid, 'SIGKILL');
      expect(await upstream.closed).toBe('the process was ended by SIGKILL');
    }
    expect(new Set(pids).size).toBe(3);
    // A zombie would still be there to be signalled.
    expect(pids.filter(alive)).toEqual([]);
  });

  it('ends a process that ignores SIGTERM, and everything that a process started', async () => {
    const stubborn = await start('ignores-sigterm');
    const begun = performance.now();
    await stubborn.close();
    expect(performance.now() - begun).toBeLessThan(1_500);
    let pid = 0;
    const logger: UpstreamLogger = {
      warn: () => undefined,
      debug: () => undefined,
      info: (fields) => {
        const line = (fields as { stderr?: string }).stderr ?? '';
        if (line.startsWith('grandchild ')) pid = Number(line.slice(11));
      },
    };
    const parent = await start('grandchild', { logger });
    await eventually(() => pid > 0, 'the pid of the grandchild');
    expect(alive(pid)).toBe(true);
    await parent.close();
    await eventually(() => !alive(pid), 'the end of the grandchild');
  });
});
