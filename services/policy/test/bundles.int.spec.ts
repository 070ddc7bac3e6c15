import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PolicyBundle } from '@customhouse/policy-contract/bundle';
import { signatureProblem, VersionSigner } from '@customhouse/policies/signature';
import { isIntact, makeVersion } from '@customhouse/policies/version';
import { eventually, Installation } from './installation.js';

jest.setTimeout(300_000);

const readers = { id: 'readers', effect: 'allow', reason: 'It reads.', tools: ['*/*'], labels: ['read-only'] };
const sources = {
  rules: { version: 1, rules: [readers] },
  modules: { 'custom.rego': 'package customhouse.custom\n\nfired contains {"id": "never", "effect": "refuse", "reason": "Never."} if input.tool == "never"\n' },
  // Without what is filled in when cases are run: it must not get into the digest.
  cases: [{ name: 'what reads is allowed', call: { server: 'a', tool: 'b', labels: ['read-only'] }, decision: { effect: 'allow', rules: ['readers'] } }],
};

describe('bundles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-bundles-'));
  const [seed, strange] = [randomBytes(32), randomBytes(32)];
  const [signer, stranger] = [new VersionSigner(seed), new VersionSigner(strange)];
  const file = (name: string, text: string, mode = 0o600) => {
    writeFileSync(join(folder, name), text, { mode });
    return join(folder, name);
  };
  const patience = { CUSTOMHOUSE_POLICY_REGO_TIMEOUT_MS: '240000' };
  let here: Installation;
  let there: Installation;
  let plain: Installation;
  let exported: PolicyBundle;

  const draftIn = async (installation: Installation) => (await installation.ask('POST', '/v1/policy/versions', { ...sources, note: 'to travel' })).body;
  const exportFrom = async (installation: Installation, number: number) => (await installation.ask('GET', `/v1/policy/versions/${number}/bundle`)).body as PolicyBundle;
  const importInto = async (installation: Installation, bundle: unknown, more: object = {}) => installation.ask('POST', '/v1/policy/bundles', { bundle, ...more });
  const numbersIn = async (installation: Installation) => (await installation.ask('GET', '/v1/policy/versions')).body.items.map((item: { number: number }) => item.number);

  beforeAll(async () => {
    const key = file('signing-key', seed.toString('base64'));
    const strangeKey = file('strange-key', strange.toString('base64'));
    const trusted = file('trusted.pem', signer.publicKey);
    here = await Installation.start({ ...patience, CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE: key });
    there = await Installation.start({ ...patience, CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE: strangeKey, CUSTOMHOUSE_POLICY_TRUSTED_KEYS_FILE: trusted });
    plain = await Installation.start(patience);
    exported = await exportFrom(here, (await draftIn(here)).number);
  }, 300_000);
  afterAll(async () => {
    for (const installation of [here, there, plain]) await installation?.stop();
    rmSync(folder, { recursive: true });
  }, 60_000);

  describe('a signing key', () => {
    it('signs every version from the first on, and what is published', async () => {
      const first = await here.publishedVersion(0);
      expect(signatureProblem(first, [signer.trusted])).toBeUndefined();
      const drafted = await draftIn(here);
      expect(drafted.signed_by).toBe(signer.trusted.id);
      expect((await here.activate(drafted.number)).status).toBe(200);
      const published = await here.publishedVersion(drafted.number);
      expect([signatureProblem(published, [signer.trusted]), isIntact(published)]).toEqual([undefined, true]);
    });

    it('is shown as its public half, which is what verifies', async () => {
      expect((await here.ask('GET', '/v1/policy/keys')).body).toEqual({ signing: { key: signer.trusted.id, public_key: signer.publicKey }, trusted: [signer.trusted.id] });
      expect((await there.ask('GET', '/v1/policy/keys')).body.trusted).toEqual([stranger.trusted.id, signer.trusted.id]);
      expect((await plain.ask('GET', '/v1/policy/keys')).body).toEqual({ signing: null, trusted: [] });
    });

    it('is not in anything that the service says', async () => {
      const said = JSON.stringify([exported, here.logged]);
      for (const encoding of ['base64', 'base64url', 'hex'] as const) expect(said).not.toContain(seed.toString(encoding));
    });

    it('keeps a version from being activated, and gone back to, that it did not sign', async () => {
      const [one, other] = [await draftIn(here), await draftIn(here)];
      await here.activate(one.number);
      await here.activate(other.number);
      const forged = new VersionSigner(randomBytes(32)).sign(exported.policy).signature;
      for (const [signature, problem] of [
        [null, 'is not signed'],
        [JSON.stringify(forged), 'is not trusted here'],
        [JSON.stringify({ ...forged, key: signer.trusted.id }), 'is false'],
      ]) {
        await here.sql('update versions set signature = $2 where number = $1', [one.number, signature]);
        for (const answer of [await here.activate(one.number), await here.ask('POST', '/v1/policy/rollback', {})]) {
          expect([answer.status, answer.body.code, answer.body.detail]).toEqual([409, 'conflict', expect.stringContaining(problem!)]);
          expect(answer.body.detail).toContain(`customhouse policy sign ${one.number}`);
        }
        expect(await here.activeNumber()).toBe(other.number);
      }
    });

    describe('that came after versions were stored', () => {
      const sign = (installation: Installation, number: number, digest: string, key?: string) => installation.ask('POST', `/v1/policy/versions/${number}/sign`, { digest }, key);
      let late: Installation;
      let old: { number: number; digest: string };
      beforeAll(async () => {
        late = await Installation.start(patience);
        old = await draftIn(late);
        await late.restart({ CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE: file('late-key', seed.toString('base64')) });
      }, 300_000);
      afterAll(async () => late?.stop(), 60_000);

      it('signs one of them when an operator names the digest, after which it may be activated', async () => {
        expect((await late.activate(old.number)).body.detail).toContain('is not signed');
        const refused = await sign(late, old.number, 'a'.repeat(64));
        expect([refused.status, refused.body.code, refused.body.detail]).toEqual([409, 'conflict', expect.stringContaining(`has the digest ${old.digest}`)]);
        const { status, body } = await sign(late, old.number, old.digest);
        expect([status, body.signed_by, body.digest]).toEqual([200, signer.trusted.id, old.digest]);
        expect((await late.activate(old.number)).status).toBe(200);
        expect(signatureProblem(await late.publishedVersion(old.number), [signer.trusted])).toBeUndefined();
        const signed = () => late.told('customhouse.policy').then((events) => events.filter(({ type, data }) => type === 'policy.version.signed' && data.number === old.number));
        expect((await eventually('the log tells of it', async () => (await signed()).length > 0 && signed()))[0]!.data).toMatchObject({ digest: old.digest, by: 'olga' });
        expect((await sign(late, old.number, old.digest)).status).toBe(200);
        expect(await signed()).toHaveLength(1);
      });

      it('publishes the one that decides again, with its signature', async () => {
        await late.sql('update versions set signature = null where active');
        const [active] = await late.sql<{ number: number; digest: string }>('select number, digest from versions where active');
        expect((await sign(late, active!.number, active!.digest)).status).toBe(200);
        expect(signatureProblem(await late.publishedVersion(active!.number), [signer.trusted])).toBeUndefined();
      });

      it('signs nothing whose signature is false, whose module is not what its sources give, or whose tests fail', async () => {
        const forged = JSON.stringify({ ...new VersionSigner(randomBytes(32)).sign(exported.policy).signature, key: signer.trusted.id });
        const { number, digest } = await draftIn(late);
        await late.sql('update versions set signature = $2 where number = $1', [number, forged]);
        expect((await sign(late, number, digest)).body.detail).toContain('is false');
        // Somebody who can write to the database swapped the module, and made the digest fit.
        const { rules, modules, cases, note, module } = exported.policy;
        const [builtIn] = await late.sql<{ module: string }>('select module from versions where number = 0');
        expect(builtIn!.module).not.toBe(module);
        const swapped = makeVersion({ number, module: builtIn!.module, rules, modules, cases, note });
        await late.sql('update versions set signature = null, module = $2, digest = $3 where number = $1', [number, swapped.module, swapped.digest]);
        const answer = await sign(late, number, swapped.digest);
        expect([answer.status, answer.body.detail]).toEqual([409, expect.stringContaining('its sources give')]);
        const failing = await late.ask('POST', '/v1/policy/versions', {
          ...sources,
          cases: [{ ...sources.cases[0], decision: { effect: 'refuse', rules: ['readers'] } }],
          untested: true,
        });
        await late.sql('update versions set signature = null where number = $1', [failing.body.number]);
        const failed = await sign(late, failing.body.number, failing.body.digest);
        expect([failed.status, failed.body.code]).toEqual([422, 'cases-failed']);
      });

      it('is asked for where there is none, and only operators sign', async () => {
        const { number, digest } = await draftIn(plain);
        const { status, body } = await sign(plain, number, digest);
        expect([status, body.detail]).toEqual([409, expect.stringContaining('CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE')]);
        expect((await sign(late, 4711, digest)).status).toBe(404);
        const amy = await late.key('amy', ['auditor']);
        expect((await sign(late, old.number, old.digest, amy)).status).toBe(403);
      });
    });

    it.each([
      ['that others may read', () => chmodSync(file('open-key', randomBytes(32).toString('base64')), 0o644), 'CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE', 'open-key', 'chmod 600'],
      ['that is no key', () => file('no-key', 'secret'), 'CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE', 'no-key', 'is not a key file'],
      ['that is not there', () => undefined, 'CUSTOMHOUSE_POLICY_SIGNING_KEY_FILE', 'missing-key', 'make one with'],
      ['of trusted keys that holds none', () => file('none.pem', 'nothing'), 'CUSTOMHOUSE_POLICY_TRUSTED_KEYS_FILE', 'none.pem', 'no public key'],
    ])('in a file %s keeps the service from starting, and is named', async (_, make, setting, name, problem) => {
      make();
      const installation = await Installation.prepare({ [setting]: join(folder, name) });
      await expect(installation.startService()).rejects.toMatchObject({ name: 'StartError', message: expect.stringMatching(new RegExp(`^${setting}: .*${name}.*${problem}`)) });
      await installation.stop();
    });
  });

  describe('an export', () => {
    it('is one whole, signed document', () => {
      expect(PolicyBundle.parse(exported)).toEqual(exported);
      expect(exported.policy).toMatchObject({ ...sources, note: 'to travel' });
      expect([isIntact(exported.policy), signatureProblem(exported.policy, [signer.trusted])]).toEqual([true, undefined]);
    });

    it('of a version that is not there is refused', async () => {
      expect((await here.ask('GET', '/v1/policy/versions/4711/bundle')).status).toBe(404);
    });
  });

  describe('an import', () => {
    it('stores the same version under a number of its own, signed anew, and says where it came from', async () => {
      const { status, body } = await importInto(there, exported);
      expect(status).toBe(201);
      const { number, digest } = exported.policy;
      expect(body).toMatchObject({
        ...sources,
        digest,
        note: 'to travel',
        stage: 'tested',
        drafted_by: 'olga',
        signed_by: stranger.trusted.id,
        origin: { number, digest, key: signer.trusted.id },
      });
      // It goes to the log after the answer.
      const told = await eventually('the log tells of it', async () => (await there.told('customhouse.policy')).find((event) => event.data.version?.number === body.number));
      expect(told.data.origin).toEqual({ number, digest, key: signer.trusted.id });
      expect((await there.activate(body.number)).status).toBe(200);
      expect((await exportFrom(there, body.number)).policy.digest).toBe(digest);
    });

    it('takes what nobody signed only where nobody asks for signatures', async () => {
      const unsigned = await exportFrom(plain, (await draftIn(plain)).number);
      expect(unsigned.policy.signature).toBeNull();
      expect((await importInto(plain, unsigned)).status).toBe(201);
      const refused = await importInto(here, unsigned);
      expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
        422,
        'bundle-refused',
        expect.stringMatching(/is not signed: .*CUSTOMHOUSE_POLICY_TRUSTED_KEYS_FILE/),
      ]);
    });

    const changed = (change: (policy: PolicyBundle['policy']) => object) => ({ ...exported, policy: { ...exported.policy, ...change(exported.policy) } });
    it.each([
      ['whose rules were changed', () => changed(() => ({ rules: { version: 1, rules: [] } })), 'is not what its digest'],
      ['whose Rego was changed', () => changed(() => ({ modules: {} })), 'is not what its digest'],
      ['whose cases were dropped', () => changed(() => ({ cases: [] })), 'is not what its digest'],
      ['whose number was changed', () => changed(({ number }) => ({ number: number + 1 })), 'is false'],
      ['that was made anew and not signed', () => changed((policy) => makeVersion({ ...policy, cases: [] })), 'is not signed'],
      ['that was made anew under the old signature', () => changed((policy) => ({ ...makeVersion({ ...policy, cases: [] }), signature: policy.signature })), 'is false'],
      ['that is signed by a stranger', () => changed((policy) => new VersionSigner(randomBytes(32)).sign(policy)), 'is not trusted here'],
      ['that is no bundle', () => ({ format: 'customhouse-policy-bundle', version: 2, policy: {} }), 'no bundle of this release'],
      ['with something that nobody knows', () => ({ ...exported, more: 1 }), 'no bundle of this release'],
    ])('refuses one %s, and stores nothing', async (_, bundle, problem) => {
      const before = await numbersIn(there);
      const { status, body } = await importInto(there, bundle());
      expect([status, body.code, body.detail]).toEqual([422, 'bundle-refused', expect.stringContaining(problem)]);
      expect(await numbersIn(there)).toEqual(before);
    });

    it('refuses one of another release, unless it is compiled anew', async () => {
      const { number, rules, modules, cases, note } = exported.policy;
      const old = signer.sign(makeVersion({ number, module: 'a'.repeat(64), rules, modules, cases, note }));
      const refused = await importInto(there, { ...exported, policy: old });
      expect([refused.status, refused.body.code, refused.body.detail]).toEqual([422, 'bundle-refused', expect.stringContaining('made by another release')]);
      const taken = await importInto(there, { ...exported, policy: old }, { recompile: true });
      expect([taken.status, taken.body.digest, taken.body.origin.digest]).toEqual([201, exported.policy.digest, old.digest]);
    });

    it('refuses one whose tests fail here, however well it is signed', async () => {
      const { number, module, rules, modules, note } = exported.policy;
      const cases = [{ ...sources.cases[0], decision: { effect: 'refuse', rules: ['readers'] } }];
      const { status, body } = await importInto(there, { ...exported, policy: signer.sign(makeVersion({ number, module, rules, modules, cases, note })) });
      expect([status, body.code]).toEqual([422, 'cases-failed']);
    });
  });
});
