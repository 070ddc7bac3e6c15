import { mkdir, open, readdir, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { frame, magic, readFrames } from './frames.js';
import { lockFolder } from './folder-lock.js';

export interface SpoolOptions {
  /** Made when it is missing. One process at a time. */
  readonly folder: string;
  /** Nothing more is taken above this. Default 64 MiB. */
  readonly max_bytes?: number;
  /** A new file is begun above this. Default 8 MiB. */
  readonly file_bytes?: number;
  readonly onProblem?: (problem: string, error: unknown) => void;
}

/** One thing that waits to be shipped. */
export interface SpoolEntry {
  readonly payload: Uint8Array;
  readonly file: SpoolFile;
}

interface SpoolFile {
  readonly path: string;
  /** Entries that were not shipped yet. */
  waiting: number;
  /** Part of it could not be read: it is kept for a person. */
  damaged: boolean;
}

interface Write {
  readonly payload: Uint8Array;
  resolve(): void;
  reject(error: Error): void;
}

/** The spool has no room, or its disk failed. Nothing was kept. */
export class SpoolRefused extends Error {
  override readonly name = 'SpoolRefused';
}

/**
 * An append-only store on disk for what the log cannot take now. What is appended while a sync runs shares the next one.
 * A file whose write or sync failed is never written again: the same entries go to a new file, because after a failed sync
 * nobody knows what the disk holds. Everything waiting is also in memory, so that only a start reads files.
 */
export class Spool {
  private entries: SpoolEntry[] = [];
  private writes: Write[] = [];
  private writing: Promise<void> | undefined;
  private current: { readonly handle: FileHandle; readonly file: SpoolFile; size: number } | undefined;
  private used = 0;
  private number = 0;
  private broken = false;
  private release: (() => Promise<void>) | undefined;

  private constructor(private readonly options: SpoolOptions) {}

  /** Reads what an earlier process left. Throws when the folder cannot be used or is used by a living process. */
  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const spool = new Spool(options);
    spool.release = await lockFolder(options.folder);
    try {
      await spool.load();
    } catch (error) {
      await spool.release();
      throw error;
    }
    return spool;
  }

  /** Entries that wait to be shipped. */
  get waiting(): number {
    return this.entries.length;
  }

  get bytes(): number {
    return this.used;
  }

  /** False from three quarters on (the rest is for the calls that are under way) and while the disk fails. */
  get accepting(): boolean {
    return !this.broken && this.used < this.limit * 0.75;
  }

  /** Resolves when the payload is on disk. Rejects with SpoolRefused when it is not. */
  async append(payload: Uint8Array): Promise<void> {
    if (this.used + payload.length > this.limit) throw new SpoolRefused(`the spool in ${this.options.folder} is full: ${this.used} of ${this.limit} bytes`);
    this.used += payload.length;
    await new Promise<void>((resolve, reject) => {
      this.writes.push({ payload, resolve, reject });
      this.writing ??= this.writeAll();
    });
  }

  /** The oldest entries, up to both limits, but at least one. Empty when nothing waits. */
  oldest(limits: { readonly records: number; readonly bytes: number }): readonly SpoolEntry[] {
    const taken: SpoolEntry[] = [];
    let bytes = 0;
    for (const entry of this.entries) {
      bytes += entry.payload.length;
      if (taken.length > 0 && (taken.length >= limits.records || bytes > limits.bytes)) break;
      taken.push(entry);
    }
    return taken;
  }

  /** These are in the log now. A file goes when all of it is shipped. */
  async shipped(entries: readonly SpoolEntry[]): Promise<void> {
    const gone = new Set(entries);
    this.entries = this.entries.filter((entry) => !gone.has(entry));
    const done = new Set<SpoolFile>();
    for (const entry of entries) {
      this.used -= entry.payload.length;
      entry.file.waiting -= 1;
      if (entry.file.waiting === 0) done.add(entry.file);
    }
    for (const file of done) await this.retire(file);
  }

  /** These cannot be understood, although their bytes are whole. They are kept on disk for a person, and hold up nothing. */
  async setAside(entries: readonly SpoolEntry[]): Promise<void> {
    for (const entry of entries) entry.file.damaged = true;
    await this.shipped(entries);
  }

  /** After a failure: finds out whether the disk takes files again. Does nothing otherwise. */
  async heal(): Promise<void> {
    if (!this.broken || this.writing !== undefined) return;
    try {
      this.current = await this.newFile();
      this.broken = false;
    } catch (error) {
      this.options.onProblem?.('the spool cannot be written yet', error);
    }
  }

  /** What waits stays for the next start. */
  async close(): Promise<void> {
    await this.writing;
    await this.current?.handle.close();
    this.current = undefined;
    await this.release?.();
  }

  private get limit(): number {
    return this.options.max_bytes ?? 64 * 1024 * 1024;
  }

  private async writeAll(): Promise<void> {
    while (this.writes.length > 0) {
      const group = this.writes;
      this.writes = [];
      try {
        const file = await this.writeGroup(group).catch(async (error: unknown) => {
          this.options.onProblem?.('writing to the spool failed; trying once more in a new file', error);
          await this.abandonFile();
          return this.writeGroup(group);
        });
        this.broken = false;
        file.waiting += group.length;
        for (const write of group) {
          this.entries.push({ payload: write.payload, file });
          write.resolve();
        }
      } catch (error) {
        this.broken = true;
        await this.abandonFile();
        for (const write of group) {
          this.used -= write.payload.length;
          write.reject(new SpoolRefused(`the spool in ${this.options.folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`, { cause: error }));
        }
      }
    }
    this.writing = undefined;
  }

  private async writeGroup(group: readonly Write[]): Promise<SpoolFile> {
    if (this.current !== undefined && this.current.size > (this.options.file_bytes ?? 8 * 1024 * 1024)) await this.abandonFile();
    const current = (this.current ??= await this.newFile());
    const bytes = Buffer.concat(group.map((write) => frame(write.payload)));
    await current.handle.appendFile(bytes);
    await current.handle.datasync();
    current.size += bytes.length;
    return current.file;
  }

  private async newFile(): Promise<NonNullable<Spool['current']>> {
    this.number += 1;
    const path = join(this.options.folder, `${String(this.number).padStart(12, '0')}.spool`);
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.appendFile(magic);
      await handle.sync();
      await syncFolder(this.options.folder);
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
    return { handle, file: { path, waiting: 0, damaged: false }, size: magic.length };
  }

  /** No more is written to the current file; what it holds is shipped as ever. */
  private async abandonFile(): Promise<void> {
    const { current } = this;
    this.current = undefined;
    // After a failed write a failing close says nothing new.
    await current?.handle.close().catch(() => undefined);
    if (current !== undefined && current.file.waiting === 0)
      await this.retire(current.file).catch((error: unknown) => this.options.onProblem?.(`cannot delete ${current.file.path}`, error));
  }

  private async retire(file: SpoolFile): Promise<void> {
    if (this.current?.file === file) {
      // Entries of a group that is being written may still be added to it.
      if (this.writing !== undefined) return;
      const { handle } = this.current;
      this.current = undefined;
      await handle.close();
    }
    if (file.damaged) await rename(file.path, `${file.path}.damaged`);
    else await rm(file.path, { force: true });
  }

  private async load(): Promise<void> {
    const names = (await readdir(this.options.folder)).filter((name) => /^\d{12}\.spool/.test(name)).sort();
    for (const name of names) {
      this.number = Math.max(this.number, Number(name.slice(0, 12)));
      if (!name.endsWith('.spool')) continue;
      const path = join(this.options.folder, name);
      const { payloads, torn, damaged } = readFrames(await readFile(path));
      if (torn > 0) this.options.onProblem?.(`${path} ends in the middle of a write (${torn} bytes); what was acknowledged is complete`, undefined);
      if (damaged > 0) this.options.onProblem?.(`${path} has ${damaged} damaged records; it is kept as ${path}.damaged when the rest is shipped`, undefined);
      const file: SpoolFile = { path, waiting: payloads.length, damaged: damaged > 0 };
      for (const payload of payloads) {
        this.entries.push({ payload, file });
        this.used += payload.length;
      }
      if (payloads.length === 0) await this.retire(file);
    }
  }
}

/** A new file is only certain to be found after a crash when its folder was synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
