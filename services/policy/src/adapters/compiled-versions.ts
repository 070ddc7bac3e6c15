import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { compilePolicy, type Policy } from '@customhouse/policy-engine/policy';
import { Versions } from './versions.js';

/** A compiled version holds some megabytes. */
const kept = 4;

/** Versions made ready for dry runs. A version never changes, so those that were asked for last are kept. */
@Injectable()
export class CompiledVersions {
  private readonly recent = new Map<number, Promise<Policy | undefined>>();

  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Versions) private readonly versions: Versions,
  ) {}

  /** Undefined when there is no version of this number. Rejects with PolicyUnusable or VersionDamaged. */
  async of(number: number): Promise<Policy | undefined> {
    const found = this.recent.get(number) ?? this.compile(number);
    this.recent.delete(number);
    this.recent.set(number, found);
    if (this.recent.size > kept) this.recent.delete(this.recent.keys().next().value!);
    try {
      const policy = await found;
      if (!policy) this.recent.delete(number);
      return policy;
    } catch (error) {
      this.recent.delete(number);
      throw error;
    }
  }

  private async compile(number: number): Promise<Policy | undefined> {
    const stored = await this.versions.load(this.dataSource, number);
    return stored && compilePolicy(stored.version, stored.module.wasm);
  }
}
