import { readFile } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { rowsOf } from '@customhouse/event-store/sql';
import { inTransaction } from '@customhouse/event-store/transaction';
import { canonicalise } from '@customhouse/kernel/canonical';
import { StartError } from '@customhouse/nest/start-error';
import { dataSourceOf, LOGGER } from '@customhouse/nest/tokens';
import { builtInModule, builtInVersion } from '@customhouse/policies/built-in';
import { readRules, RulesInvalid } from '@customhouse/policies/rules-text';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { compilePolicy } from '@customhouse/policy-engine/policy';
import { makeVersion } from '@customhouse/policies/version';
import { POLICY_SETTINGS, type PolicySettings } from '../config.js';
import { Versions } from './versions.js';

const itself = 'customhouse';

/** The rules that a new installation begins with. */
@Injectable()
export class StartSet {
  constructor(
    @Inject(dataSourceOf('policy')) private readonly dataSource: DataSource,
    @Inject(Versions) private readonly versions: Versions,
    @Inject(POLICY_SETTINGS) private readonly settings: PolicySettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Stores and activates them where no version is stored yet. Throws StartError when the file cannot be used for that. */
  async ensure(): Promise<void> {
    const some = await rowsOf(this.dataSource, 'select number from versions limit 1');
    if (some.length === 0) await this.begin();
    else await this.compareFile();
  }

  private async begin(): Promise<void> {
    const { rulesFile } = this.settings;
    const rules = rulesFile === undefined ? builtInVersion('starter').rules : await readFileRules(rulesFile);
    const note = rulesFile === undefined ? builtInVersion('starter').note : 'The rules of the file that the installation began with.';
    const module = builtInModule();
    await compilePolicy(makeVersion({ number: 0, module: module.digest, rules, note }), module.wasm);
    const begun = await inTransaction(this.dataSource, (tx) => this.versions.begin(tx, { module, rules, modules: {}, cases: [], note, by: itself, origin: null, passed: null }), {
      repeatable: true,
    });
    if (begun) this.logger.info({ rules: rules.rules.length, file: rulesFile }, 'the policy begins with its start rules, as version 0');
  }

  /** A file that is no longer used should not look as if it were. */
  private async compareFile(): Promise<void> {
    const { rulesFile } = this.settings;
    if (rulesFile === undefined) return;
    const [first] = await rowsOf<{ rules: string }>(this.dataSource, 'select rules from versions where number = 0');
    try {
      if (first && canonicalise(await readFileRules(rulesFile)) === first.rules) return;
      this.logger.warn({ file: rulesFile }, 'the rule file differs from the rules that this installation began with and is not used: send it to the API as a new version');
    } catch (error) {
      this.logger.warn({ file: rulesFile, error }, 'the rule file cannot be read; it is not used, because the installation has its rules already');
    }
  }
}

async function readFileRules(path: string): Promise<RuleSet> {
  try {
    return readRules(await readFile(path, 'utf8'));
  } catch (error) {
    const what = error instanceof RulesInvalid ? error.message : `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new StartError(`CUSTOMHOUSE_POLICY_RULES_FILE names ${path}: ${what}`, { cause: error });
  }
}
