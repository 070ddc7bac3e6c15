import { appendFile, mkdtemp, open, readdir, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Spool, SpoolRefused, type SpoolOptions } from './spool.js';

describe('the spool', () => {
  let folder: string;
  let handles: FileHandle;
  const spools: Spool[] = [];
  const problems: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spool-'));
    const handle = await open(join(folder, 'probe'), 'w');
    handles = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    await rm(join(folder, 'probe'));
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const spool of spools.splice(0)) await spool.close();
    await rm(folder, { recursive: true });
    problems.length = 0;
  });

  async function newSpool(options: Partial<SpoolOptions> = {}): Promise<Spool> {
    const spool = await Spool.open({ folder, onProblem: (problem) => problems.push(problem), ...options });
    spools.push(spool);
    return spool;
  }

  /** Lets go of the folder as a crash does: without a word. */
  async function crash(spool: Spool): Promise<void> {
    spools.splice(spools.indexOf(spool), 1);
    await spool.close();
  }

  const bytes = (text: string): Buffer => Buffer.from(text);
  const all = { records: 1000, bytes: 1e9 };
  const texts = (spool: Spool): string[] => spool.oldest(all).map(({ payload }) => Buffer.from(payload).toString());
  const files = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name !== 'lock').sort();

  it('gives back what was appended, in order, after a restart', async () => {
    const spool = await newSpool();
    for (const text of ['a', '', 'c']) await spool.append(bytes(text));
    await crash(spool);
    const next = await newSpool();
    expect(texts(next)).toEqual(['a', '', 'c']);
    await next.append(bytes('d'));
    expect(texts(next)).toEqual(['a', '', 'c', 'd']);
    expect(next.bytes).toBe(3);
  });

  it('syncs once for all that was appended meanwhile', async () => {
    const spool = await newSpool();
    await spool.append(bytes('first'));
    const sync = jest.spyOn(handles, 'datasync');
    await Promise.all(Array.from({ length: 50 }, (_, index) => spool.append(bytes(String(index)))));
    expect(sync.mock.calls.length).toBeLessThanOrEqual(2);
    expect(texts(spool)).toEqual(['first', ...Array.from({ length: 50 }, (_, index) => String(index))]);
  });

  it('lets go of files when all they hold is shipped', async () => {
    const spool = await newSpool({ file_bytes: 100 });
    for (let index = 0; index < 10; index += 1) await spool.append(bytes('x'.repeat(50)));
    expect((await files()).length).toBeGreaterThan(3);
    while (spool.waiting > 0) await spool.shipped(spool.oldest({ records: 3, bytes: 1e9 }));
    expect(await files()).toEqual([]);
    expect(spool.bytes).toBe(0);
    await spool.append(bytes('next'));
    expect(texts(spool)).toEqual(['next']);
  });

  it('keeps to the limits of a batch, but gives one entry at least', async () => {
    const spool = await newSpool();
    for (const text of ['12345', '123', '1']) await spool.append(bytes(text));
    expect(spool.oldest({ records: 2, bytes: 1000 })).toHaveLength(2);
    expect(spool.oldest({ records: 9, bytes: 8 })).toHaveLength(2);
    expect(spool.oldest({ records: 9, bytes: 1 })).toHaveLength(1);
  });

  it('takes no more than its limit, and says early that it fills', async () => {
    const spool = await newSpool({ max_bytes: 100 });
    await spool.append(bytes('x'.repeat(74)));
    expect(spool.accepting).toBe(true);
    await spool.append(bytes('x'.repeat(10)));
    expect(spool.accepting).toBe(false);
    await expect(spool.append(bytes('x'.repeat(20)))).rejects.toThrow(/is full: 84 of 100 bytes/);
    await spool.shipped(spool.oldest(all));
    expect(spool.accepting).toBe(true);
  });

  it('never syncs a file again after a sync failed: the same entries go to a new file', async () => {
    const spool = await newSpool();
    await spool.append(bytes('a'));
    const failing = jest.spyOn(handles, 'datasync').mockRejectedValueOnce(new Error('EIO: i/o error'));
    await spool.append(bytes('b'));
    expect(failing).toHaveBeenCalledTimes(2);
    await spool.append(bytes('c'));
    expect(problems).toEqual(['writing to the spool failed; trying once more in a new file']);
    expect(await files()).toEqual(['000000000001.spool', '000000000002.spool']);
    await crash(spool);
    // What the failed sync left of `b` may be there or not; here it is, and is shipped twice under one id.
    expect(texts(await newSpool())).toEqual(['a', 'b', 'b', 'c']);
  });

  it('refuses when a new file fails as well, takes nothing more for granted, and heals', async () => {
    const spool = await newSpool();
    const failing = jest.spyOn(handles, 'datasync').mockRejectedValue(new Error('EIO: i/o error'));
    await expect(spool.append(bytes('a'))).rejects.toBeInstanceOf(SpoolRefused);
    expect(spool.accepting).toBe(false);
    expect(spool.waiting).toBe(0);
    expect(spool.bytes).toBe(0);
    failing.mockRestore();
    await spool.heal();
    expect(spool.accepting).toBe(true);
    await spool.append(bytes('b'));
    expect(texts(spool)).toEqual(['b']);
  });

  it('forgives a tail that a crash tore, at every byte', async () => {
    const spool = await newSpool();
    for (const text of ['first', 'second']) await spool.append(bytes(text));
    await crash(spool);
    const [name] = await files();
    const whole = await readFile(join(folder, name!));
    const end = whole.length - 8 - 'second'.length;
    for (let length = end + 1; length < whole.length; length += 1) {
      await writeFile(join(folder, name!), whole.subarray(0, length));
      const next = await newSpool();
      expect(texts(next)).toEqual(['first']);
      await crash(next);
    }
    for (let length = 0; length < 8; length += 1) {
      await writeFile(join(folder, name!), whole.subarray(0, length));
      const next = await newSpool();
      expect(texts(next)).toEqual([]);
      await crash(next);
    }
  });

  it('passes over a record with a flipped byte, says so, and keeps its file for a person', async () => {
    const spool = await newSpool();
    for (const text of ['first', 'second', 'third']) await spool.append(bytes(text));
    await crash(spool);
    const [name] = await files();
    const whole = await readFile(join(folder, name!));
    whole[whole.indexOf('second')]! ^= 1;
    await writeFile(join(folder, name!), whole);
    const next = await newSpool();
    expect(texts(next)).toEqual(['first', 'third']);
    expect(problems[0]).toMatch(/has 1 damaged records; it is kept as .*\.damaged/);
    await next.shipped(next.oldest(all));
    expect(await files()).toEqual([`${name!}.damaged`]);
    await next.append(bytes('fourth'));
    expect(texts(next)).toEqual(['fourth']);
  });

  it('does not read a file that is none of its own as records', async () => {
    await appendFile(join(folder, '000000000007.spool'), 'something else entirely');
    const spool = await newSpool();
    expect(spool.waiting).toBe(0);
    expect(await files()).toEqual(['000000000007.spool.damaged']);
  });

  it('belongs to one living process', async () => {
    await newSpool();
    await expect(Spool.open({ folder })).rejects.toThrow(/is in use by process \d+: give each process its own folder/);
  });

  it.each([
    ['a dead process', { host: hostname(), pid: 2 ** 22 - 1, began: '' }],
    ['a process on another host', { host: 'elsewhere', pid: process.pid, began: 'x' }],
    ['an earlier process with the same number', { host: hostname(), pid: process.pid, began: 'another time' }],
  ])('is taken over from %s', async (_, holder) => {
    await writeFile(join(folder, 'lock'), JSON.stringify(holder));
    await newSpool();
    expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ host: hostname(), pid: process.pid });
  });

  it('is taken over from a lock that was cut short', async () => {
    await writeFile(join(folder, 'lock'), '{"host":');
    await newSpool();
  });
});
