import { Inject, Injectable } from '@nestjs/common';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import { canonicalise } from '@customhouse/kernel/canonical';
import type { PolicyWasm } from '@customhouse/policies/built-in';
import { isIntact, makeVersion, sha256 } from '@customhouse/policies/version';
import type { PolicySignature, PolicyVersion, RegoFiles, WrittenCases } from '@customhouse/policy-contract/bundle';
import type { RuleSet } from '@customhouse/policy-contract/rules';
import { ActivationRefused, decide, evolve, initial, type Command, type VersionName } from '../domain/activation.js';
import { stageOf, type Progress, type Stage } from '../domain/stage.js';
import { activationStream, toActivated, toDrafted, toPublished, toSigned, toTested, toVersionActivated, versionStream, type Origin } from './events.js';
import { Signatures } from './signatures.js';

/** A stored version or module is not what its digest says. Nothing was done with it. */
export class VersionDamaged extends Error {
  override readonly name = 'VersionDamaged';
}

/** What becomes a version. */
export interface Draft {
  readonly module: PolicyWasm;
  readonly rules: RuleSet;
  readonly modules: RegoFiles;
  readonly cases: WrittenCases;
  readonly note: string;
  readonly by: string;
  readonly origin: Origin | null;
  /** How many tests and cases passed. Null: they were not run. One that fails is no reason to be here. */
  readonly passed: number | null;
}

/** A version with all that is needed to decide by it. */
export interface StoredVersion {
  readonly version: PolicyVersion;
  readonly module: PolicyWasm;
}

/** The columns that hold what a version is. */
const content = 'version.number, version.digest, version.module, version.rules, version.modules, version.cases, version.note, version.signature';

interface ContentRow {
  readonly number: number;
  readonly digest: string;
  readonly module: string;
  readonly rules: string;
  readonly modules: string;
  readonly cases: string;
  readonly note: string;
  readonly signature: string | null;
}

/** The versions of the policy: their streams, the view, and what the log gets are written together in the caller's transaction. */
@Injectable()
export class Versions {
  private readonly streams = new Streams();
  private readonly outbox = new Outbox();

  constructor(@Inject(Signatures) private readonly signatures: Signatures) {}

  /** Stores and activates the first version of an installation. False when there is one already. */
  async begin(tx: Tx, draft: Draft): Promise<boolean> {
    await oneAtATime(tx);
    if ((await rowsOf(tx, 'select number from versions limit 1')).length > 0) return false;
    const { number } = await this.draft(tx, draft);
    await this.activate(tx, number, { by: draft.by, from: 'draft' });
    return true;
  }

  /** Stores and signs a version under the next number. */
  async draft(tx: Tx, draft: Draft): Promise<PolicyVersion> {
    const { module, rules, modules, cases, note, by, origin, passed } = draft;
    await oneAtATime(tx);
    const { number } = await oneRow<{ number: number }>(tx, 'select coalesce(max(number) + 1, 0) as number from versions');
    const version = this.signatures.sign(makeVersion({ number, module: module.digest, rules, modules, cases, note }));
    const { digest, signature } = version;
    await this.streams.append(tx, versionStream(number), 0, [toDrafted(version, by, origin), ...(passed === null ? [] : [toTested({ number, digest, passed, failed: 0, by })])]);
    await tx.query('insert into modules (digest, wasm) values ($1, $2) on conflict do nothing', [module.digest, Buffer.from(module.wasm)]);
    const row = {
      number,
      digest,
      module: version.module,
      rules: canonicalise(rules),
      rules_count: rules.rules.length,
      modules: canonicalise(modules),
      modules_count: Object.keys(modules).length,
      cases: canonicalise(cases),
      cases_count: cases.length,
      signature: signature && canonicalise(signature),
      origin: origin && canonicalise(origin),
      note,
      drafted_by: by,
    };
    const names = Object.keys(row);
    await tx.query(`insert into versions (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})`, Object.values(row));
    if (passed !== null) await tx.query('update versions set tested = clock_timestamp() where number = $1', [number]);
    return version;
  }

  /** Records what became of the tests of a version that is stored. */
  async tested(tx: Tx, tested: { readonly number: number; readonly digest: string; readonly passed: number; readonly failed: number; readonly by: string }): Promise<void> {
    await oneAtATime(tx);
    const { version } = await this.streams.load(tx, versionStream(tested.number));
    await this.streams.append(tx, versionStream(tested.number), version, [toTested(tested)]);
    await tx.query('update versions set tested = case when $2 then clock_timestamp() end where number = $1', [tested.number, tested.failed === 0]);
  }

  /** Writes down the signature of a version that is stored. One that decides is published with it. */
  async signed(tx: Tx, { number, digest }: VersionName, signature: PolicySignature, by: string): Promise<void> {
    await oneAtATime(tx);
    const { version } = await this.streams.load(tx, versionStream(number));
    await this.streams.append(tx, versionStream(number), version, [toSigned({ number, digest, signature, by })]);
    const sql = 'update versions set signature = $3 where number = $1 and digest = $2 returning active';
    const { active } = await oneRow<{ active: boolean }>(tx, sql, [number, digest, canonicalise(signature)]);
    if (active) await this.publish(tx, number);
  }

  /** `from`: how far the version must have come. Throws ActivationRefused. Answers the number of the version that is active afterwards, and whether it was before. */
  async activate(
    tx: Tx,
    asked: number,
    { by, from, expected }: { readonly by: string; readonly from: Stage; readonly expected?: number },
  ): Promise<{ readonly number: number; readonly changed: boolean }> {
    const [row] = await rowsOf<VersionName & Progress>(tx, 'select number, digest, active, tested, simulated, shadowed from versions where number = $1', [asked]);
    return this.act(tx, { do: 'activate', asked, version: row && { number: row.number, digest: row.digest, stage: stageOf(row) }, from, by, expected });
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
    const sql = `select ${content}, module.wasm from versions version join modules module on module.digest = version.module where version.number = $1`;
    const [row] = await rowsOf<ContentRow & { wasm: Buffer }>(tx, sql, [number]);
    if (!row) return undefined;
    const version = toVersion(row);
    if (!isIntact(version)) throw new VersionDamaged(`the stored version ${number} of the policy is not what its digest ${version.digest} says: somebody changed the database`);
    if (sha256(row.wasm) !== version.module) throw new VersionDamaged(`the stored policy module ${version.module} is not what its digest says: somebody changed the database`);
    return { version, module: { digest: version.module, wasm: row.wasm } };
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
    const problem = this.signatures.problemOf(stored.version);
    if (problem !== undefined) throw new ActivationRefused('not-signed', `${problem}: look at it, and sign it with "customhouse policy sign ${number}"`);
    await this.outbox.publish(tx, toPublished(stored.version, stored.module));
  }
}

function toVersion({ number, digest, module, rules, modules, cases, note, signature }: ContentRow): PolicyVersion {
  return {
    number,
    digest,
    module,
    rules: JSON.parse(rules) as RuleSet,
    modules: JSON.parse(modules) as RegoFiles,
    cases: JSON.parse(cases) as WrittenCases,
    note,
    signature: signature === null ? null : (JSON.parse(signature) as PolicySignature),
  };
}

/**
 * Until this transaction ends no other one changes anything: the versions of the policy are few, and their order is what the log
 * shows. The stream's own check of versions stays, and would find out if this were forgotten somewhere.
 */
async function oneAtATime(tx: Tx): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', ['customhouse.policy.versions']);
}
