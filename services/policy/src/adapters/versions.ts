import { Injectable } from '@nestjs/common';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import { canonicalise } from '@customhouse/kernel/canonical';
import type { PolicyWasm } from '@customhouse/policies/built-in';
import { isIntact, makeVersion, sha256 } from '@customhouse/policies/version';
import type { PolicyVersion } from '@customhouse/policy-contract/bundle';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { decide, evolve, initial, type Command, type VersionName } from '../domain/activation.js';
import { activationStream, toActivated, toDrafted, toPublished, toVersionActivated, versionStream } from './events.js';

/** A stored version or module is not what its digest says. Nothing was done with it. */
export class VersionDamaged extends Error {
  override readonly name = 'VersionDamaged';
}

/** What becomes a version. */
export interface Draft {
  readonly module: PolicyWasm;
  readonly rules: RuleSet;
  readonly note: string;
  readonly by: string;
}

/** A version with all that is needed to decide by it. */
export interface StoredVersion {
  readonly version: PolicyVersion;
  readonly module: PolicyWasm;
}

/** The versions of the policy: their streams, the view, and what the log gets are written together in the caller's transaction. */
@Injectable()
export class Versions {
  private readonly streams = new Streams();
  private readonly outbox = new Outbox();

  /** Stores and activates the first version of an installation. False when there is one already. */
  async begin(tx: Tx, draft: Draft): Promise<boolean> {
    await oneAtATime(tx);
    if ((await rowsOf(tx, 'select number from versions limit 1')).length > 0) return false;
    const { number } = await this.draft(tx, draft);
    await this.activate(tx, number, draft.by);
    return true;
  }

  /** Stores rules under the next number. */
  async draft(tx: Tx, draft: Draft): Promise<PolicyVersion> {
    const { module, rules, note, by } = draft;
    await oneAtATime(tx);
    const { number } = await oneRow<{ number: number }>(tx, 'select coalesce(max(number) + 1, 0) as number from versions');
    const version = makeVersion({ number, module: module.digest, rules, note });
    await this.streams.append(tx, versionStream(number), 0, [toDrafted(version, by)]);
    await tx.query('insert into modules (digest, wasm) values ($1, $2) on conflict do nothing', [module.digest, Buffer.from(module.wasm)]);
    await tx.query('insert into versions (number, digest, module, rules, rules_count, note, drafted_by) values ($1, $2, $3, $4, $5, $6, $7)', [
      number,
      version.digest,
      version.module,
      canonicalise(rules),
      rules.rules.length,
      note,
      by,
    ]);
    return version;
  }

  /** Throws ActivationRefused. Answers the number of the version that is active afterwards, and whether it was before. */
  async activate(tx: Tx, asked: number, by: string, expected?: number): Promise<{ readonly number: number; readonly changed: boolean }> {
    const [version] = await rowsOf<VersionName>(tx, 'select number, digest from versions where number = $1', [asked]);
    return this.act(tx, { do: 'activate', asked, version, by, expected });
  }

  async rollBack(tx: Tx, by: string, expected?: number): Promise<{ readonly number: number; readonly changed: boolean }> {
    return this.act(tx, { do: 'roll-back', by, expected });
  }

  /** Sends the active version to the log once more. Never after something newer. */
  async publishActive(tx: Tx): Promise<void> {
    await oneAtATime(tx);
    const [active] = await rowsOf<{ number: number }>(tx, 'select number from versions where active');
    if (active) await this.publish(tx, active.number);
  }

  /** Undefined when there is none of this number. Throws VersionDamaged. */
  async load(tx: Tx, number: number): Promise<StoredVersion | undefined> {
    const sql = `
      select version.number, version.digest, version.module, version.rules, version.note, module.wasm
      from versions version join modules module on module.digest = version.module where version.number = $1`;
    const [row] = await rowsOf<Omit<PolicyVersion, 'rules'> & { rules: string; wasm: Buffer }>(tx, sql, [number]);
    if (!row) return undefined;
    const { wasm, rules, ...rest } = row;
    const version: PolicyVersion = { ...rest, rules: JSON.parse(rules) as RuleSet };
    if (!isIntact(version)) throw new VersionDamaged(`the stored version ${number} of the policy is not what its digest ${version.digest} says: somebody changed the database`);
    if (sha256(wasm) !== version.module) throw new VersionDamaged(`the stored policy module ${version.module} is not what its digest says: somebody changed the database`);
    return { version, module: { digest: version.module, wasm } };
  }

  private async act(tx: Tx, command: Command): Promise<{ readonly number: number; readonly changed: boolean }> {
    await oneAtATime(tx);
    const stream = await this.streams.load(tx, activationStream);
    const state = stream.events.map(toVersionActivated).reduce(evolve, initial);
    const events = decide(command, state);
    const after = events.reduce(evolve, state).active;
    if (!after) throw new Error('a command that was not refused left no version active');
    if (events.length === 0) return { number: after.number, changed: false };
    await this.streams.append(tx, activationStream, stream.version, events.map(toActivated));
    await tx.query('update versions set active = false where active');
    await tx.query('update versions set active = true, activated = clock_timestamp(), activated_by = $2 where number = $1', [after.number, command.by]);
    await this.publish(tx, after.number);
    return { number: after.number, changed: true };
  }

  private async publish(tx: Tx, number: number): Promise<void> {
    const stored = await this.load(tx, number);
    if (!stored) throw new Error(`version ${number} of the policy is active and not there`);
    await this.outbox.publish(tx, toPublished(stored.version, stored.module));
  }
}

/**
 * Until this transaction ends no other one changes anything: the versions of the policy are few, and their order is what the log
 * shows. The stream's own check of versions stays, and would find out if this were forgotten somewhere.
 */
async function oneAtATime(tx: Tx): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', ['customhouse.policy.versions']);
}
