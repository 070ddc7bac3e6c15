import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { dataSourceOf } from '@customhouse/nest/tokens';
import type { Policy } from '@customhouse/policy-engine/policy';
import { Rego } from './rego.js';
import { Versions } from './versions.js';

/** A compiled version holds some megabytes. */
const kept = 4;

/** Versions made ready for dry runs. A version never changes, so those that were asked for last are kept. */
@Injectable()
export class CompiledVersions implements OnApplicationShutdown {
  private readonly recent = new Map<number, Promise<Policy | undefined>>();

  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Versions) private readonly versions: Versions,
    @Inject(Rego) private readonly rego: Rego,
  ) {}

  /** Undefined when there is no version of this number. Rejects with PolicyUnusable or VersionDamaged. */
  async of(number: number): Promise<Policy | undefined> {
    const found = this.recent.get(number) ?? this.compile(number);
    this.recent.delete(number);
    this.recent.set(number, found);
    if (this.recent.size > kept) void this.drop(this.recent.keys().next().value!);
    try {
      const policy = await found;
      if (!policy) this.recent.delete(number);
      return policy;
    } catch (error) {
      this.recent.delete(number);
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.recent.keys()].map((number) => this.drop(number)));
  }

  /** Whoever still decides by it may go on. */
  private async drop(number: number): Promise<void> {
    const dropped = this.recent.get(number);
    this.recent.delete(number);
    // Why it could not be made ready was told to who asked for it.
    (await dropped?.catch(() => undefined))?.close();
  }

  private async compile(number: number): Promise<Policy | undefined> {
    const stored = await this.versions.load(this.dataSource, number);
    return stored && this.rego.ready(stored.version, stored.module.wasm);
  }
}
