import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { exportSPKI, importJWK, type CryptoKey } from 'jose';
import { defaultIssuerKeysLimits } from '../src/issuer-keys.js';
import { JwtIssuer } from '../src/jwt-issuers.js';
import { JwtVerifier, type JwtVerifierOptions } from '../src/jwt-verifier.js';
import { TestIssuer } from './issuer.js';

let issuer: TestIssuer;
let now: number;

beforeEach(async () => {
  issuer = await TestIssuer.start();
  now = Date.now();
});
afterEach(() => issuer.stop());

function verifier(changes: Record<string, unknown> = {}, options: JwtVerifierOptions = {}): JwtVerifier {
  const settings = JwtIssuer.parse({ issuer: issuer.url, jwks: issuer.jwks, audience: 'customhouse', ...changes });
  return new JwtVerifier([settings], { now: () => now, ...options, keys: { ...defaultIssuerKeysLimits, timeout_ms: 300, ...options.keys } });
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token of a trusted issuer', () => {
  it('names agent, person and groups', async () => {
    const key = await issuer.newKey('one');
    const token = await issuer.token(key, { groups: ['finance', 'staff'] });
    expect(await verifier().verify(token)).toEqual({
      ok: true,
      identity: { tenant: 'default', agent: 'claude', person: 'alice', groups: ['finance', 'staff'], credential: `${issuer.url} token-1` },
    });
  });

  it('names the owner of the agent, attributes and who acts for the person, where its issuer says where they are', async () => {
    const key = await issuer.newKey('one');
    const claims = { manager: 'bob', dept: 'finance', ext: { level: 2 }, regions: ['eu', 'us'], contractor: false, act: { sub: 'runner', act: { sub: 'planner' } } };
    const mapping = {
      owner: 'manager',
      attributes: { department: 'dept', clearance: 'ext.level', regions: 'regions', contractor: 'contractor', absent: 'absent' },
      prefix: 'corp/',
    };
    expect(await verifier(mapping).verify(await issuer.token(key, claims))).toMatchObject({
      ok: true,
      identity: {
        owner: 'corp/bob',
        attributes: { department: 'finance', clearance: 2, regions: ['eu', 'us'], contractor: false },
        delegation: [{ actor: 'corp/runner' }, { actor: 'corp/planner' }],
      },
    });
  });

  const deep = (levels: number): unknown => (levels === 0 ? undefined : { sub: `a${levels}`, act: deep(levels - 1) });

  it.each<[string, Record<string, unknown>]>([
    ['an attribute that is an object', { dept: { name: 'finance' } }],
    ['an attribute that lists something else than texts', { dept: ['finance', 1] }],
    ['an attribute with a line break', { dept: 'fin\nance' }],
    ['an attribute with too many values', { dept: Array.from({ length: 101 }, (_, number) => `d${number}`) }],
    ['an actor without a name', { act: { client: 'runner' } }],
    ['an actor that is no object', { act: 'runner' }],
    ['an actor behind the first without a name', { act: { sub: 'runner', act: {} } }],
    ['more than ten actors', { act: deep(11) }],
  ])('is refused for %s, because a rule may refuse what it says', async (_, claims) => {
    const token = await issuer.token(await issuer.newKey('one'), claims);
    expect(await verifier({ attributes: { department: 'dept' } }).verify(token)).toMatchObject({ ok: false, problem: 'malformed' });
  });

  it('may name ten actors', async () => {
    const verdict = await verifier().verify(await issuer.token(await issuer.newKey('one'), { act: deep(10) }));
    expect(verdict.ok && verdict.identity.delegation).toHaveLength(10);
  });

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('is verified when it is signed with %s', async (alg) => {
    const token = await issuer.token(await issuer.newKey('one', alg));
    expect(await verifier().verify(token)).toMatchObject({ ok: true });
  });

  it('is verified with keys that discovery led to', async () => {
    const token = await issuer.token(await issuer.newKey('one'));
    expect(await verifier({ jwks: undefined }).verify(token)).toMatchObject({ ok: true });
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('is looked up, not verified, the second time, and answered at once', async () => {
    const subject = verifier();
    const token = await issuer.token(await issuer.newKey('one'));
    const first = await subject.verify(token);
    await issuer.stop();
    expect(subject.verify(token)).toBe(first);
    issuer = await TestIssuer.start();
  });

  it('is not remembered past its expiry', async () => {
    const subject = verifier({ tolerance_s: 0 });
    const token = await issuer.token(await issuer.newKey('one'));
    expect(await subject.verify(token)).toMatchObject({ ok: true });
    now += 601_000;
    expect(await subject.verify(token)).toMatchObject({ ok: false, problem: 'expired' });
  });

  it('is verified anew after a while, so that a withdrawn key stops counting', async () => {
    const subject = verifier({}, { remember_ms: 60_000, keys: { ...defaultIssuerKeysLimits, refresh_ms: 10_000, stale_ms: 50_000 } });
    const token = await issuer.token(await issuer.newKey('one'));
    expect(await subject.verify(token)).toMatchObject({ ok: true });
    issuer.published = [];
    await issuer.newKey('two');
    now += 59_000;
    expect(await subject.verify(token)).toMatchObject({ ok: true });
    now += 2_000;
    expect(await subject.verify(token)).toMatchObject({ ok: false, problem: 'signature' });
  });

  it('is remembered only while there is room', async () => {
    const subject = verifier({}, { remembered: 2 });
    const key = await issuer.newKey('one');
    const tokens = await Promise.all(['a', 'b', 'c'].map((jti) => issuer.token(key, { jti })));
    for (const token of tokens) await subject.verify(token);
    expect(subject.verify(tokens[0]!)).toBeInstanceOf(Promise);
    expect(subject.verify(tokens[2]!)).not.toBeInstanceOf(Promise);
  });
});

describe('agent and person', () => {
  it.each([
    ['azp', { azp: 'a', client_id: 'b', act: { sub: 'c' } }, 'a'],
    ['client_id', { azp: undefined, client_id: 'b', act: { sub: 'c' } }, 'b'],
    ['act.sub', { azp: undefined, act: { sub: 'c' } }, 'c'],
  ])('the agent is the first that is there: %s', async (_, claims, agent) => {
    const token = await issuer.token(await issuer.newKey('one'), claims);
    expect(await verifier().verify(token)).toMatchObject({ ok: true, identity: { agent, person: 'alice' } });
  });

  it('come from the claims that the settings name, dots or not, behind the prefix', async () => {
    const token = await issuer.token(await issuer.newKey('one'), { email: 'alice@example.com', 'https://example.com/groups': ['staff'] });
    const subject = verifier({ person: 'email', groups: 'https://example.com/groups', prefix: 'okta:', tenant: 'acme' });
    expect(await subject.verify(token)).toMatchObject({ ok: true, identity: { tenant: 'acme', agent: 'okta:claude', person: 'okta:alice@example.com', groups: ['okta:staff'] } });
  });

  it.each([
    ['no agent', { azp: undefined }, 'agent-missing'],
    ['an agent that is no text', { azp: 7 }, 'agent-missing'],
    ['no person', { sub: undefined }, 'person-missing'],
    ['an empty person', { sub: '' }, 'person-missing'],
    ['a person of a megabyte', { sub: 'a'.repeat(300) }, 'person-missing'],
    ['a person with a line break', { sub: 'alice\nbob' }, 'person-missing'],
    ['a person who turns the writing direction', { sub: 'alice\u202Ebob' }, 'person-missing'],
    ['a person with invisible characters', { sub: 'ali\u200Bce' }, 'person-missing'],
    ['a client that acts for itself', { sub: 'claude' }, 'person-missing'],
    ['groups that are no names', { groups: [{ admin: true }] }, 'malformed'],
    ['more groups than can be kept', { groups: Array.from({ length: 501 }, (_, index) => `g${index}`) }, 'malformed'],
  ])('a token with %s is refused', async (_, claims, problem) => {
    const token = await issuer.token(await issuer.newKey('one'), claims);
    expect(await verifier().verify(token)).toMatchObject({ ok: false, problem });
  });

  it('an e-mail address that its issuer has not verified names nobody', async () => {
    const token = await issuer.token(await issuer.newKey('one'), { email: 'alice@example.com', email_verified: false });
    expect(await verifier({ person: 'email' }).verify(token)).toMatchObject({ ok: false, problem: 'person-missing' });
  });
});

describe('a token is refused', () => {
  it.each([
    ['that has expired', { exp: 1_000 }, 'expired'],
    ['that is not valid yet', { nbf: Math.floor(Date.now() / 1000) + 3_600 }, 'not-yet-valid'],
    ['that was issued in the future', { iat: Math.floor(Date.now() / 1000) + 3_600 }, 'not-yet-valid'],
    ['for another audience', { aud: 'another' }, 'audience'],
    ['without an audience', { aud: undefined }, 'audience'],
    ['without an expiry', { exp: undefined }, 'malformed'],
    ['with an expiry that is no number', { exp: 'tomorrow' }, 'malformed'],
    ['of an issuer that is not trusted', { iss: 'https://elsewhere.example' }, 'unknown-issuer'],
    ['without an issuer', { iss: undefined }, 'unknown-issuer'],
  ])('%s', async (_, claims, problem) => {
    const token = await issuer.token(await issuer.newKey('one'), claims);
    expect(await verifier().verify(token)).toMatchObject({ ok: false, problem });
  });

  it('when its clock difference is larger than what is forgiven', async () => {
    const token = await issuer.token(await issuer.newKey('one'), { exp: Math.floor(now / 1000) - 20 });
    expect(await verifier().verify(token)).toMatchObject({ ok: true });
    expect(await verifier({ tolerance_s: 10 }).verify(token)).toMatchObject({ ok: false, problem: 'expired' });
  });

  it.each(['logout+jwt', 'dpop+jwt', 'secevent+jwt'])('when it is a %s', async (typ) => {
    const token = await issuer.token(await issuer.newKey('one'), {}, { typ });
    expect(await verifier().verify(token)).toMatchObject({ ok: false, problem: 'type' });
  });

  it('when it is unsigned (alg none)', async () => {
    await issuer.newKey('one');
    const seconds = Math.floor(now / 1000);
    const token = `${base64({ alg: 'none' })}.${base64({ iss: issuer.url, aud: 'customhouse', sub: 'alice', azp: 'claude', exp: seconds + 600 })}.`;
    expect(await verifier().verify(token)).toMatchObject({ ok: false, problem: 'algorithm' });
  });

  it('when the public key was used as an HMAC secret (key confusion)', async () => {
    const key = await issuer.newKey('one', 'RS256');
    const [, payload] = (await issuer.token(key)).split('.');
    const head = `${base64({ alg: 'HS256', kid: 'one' })}.${payload}`;
    const secrets = [await exportSPKI((await importJWK(key.jwk, 'RS256', { extractable: true })) as CryptoKey), JSON.stringify(key.jwk)];
    for (const secret of secrets) {
      const token = `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
      expect(await verifier().verify(token)).toMatchObject({ ok: false, problem: 'algorithm' });
    }
  });

  it('when its algorithm is not on the list of its issuer', async () => {
    const token = await issuer.token(await issuer.newKey('one', 'RS256'));
    expect(await verifier({ algorithms: ['ES256'] }).verify(token)).toMatchObject({ ok: false, problem: 'algorithm' });
  });

  it('when it carries its own key', async () => {
    const stranger = await TestIssuer.start();
    const foreign = await stranger.newKey('one');
    await issuer.newKey('one');
    const token = await issuer.token(foreign, {}, { jwk: foreign.jwk, jku: stranger.jwks });
    expect(await verifier().verify(token)).toMatchObject({ ok: false, problem: 'signature' });
    expect(stranger.requests).toEqual([]);
    await stranger.stop();
  });

  it('when one byte of what was signed has changed', async () => {
    const token = await issuer.token(await issuer.newKey('one'));
    const [head, , signature] = token.split('.');
    const seconds = Math.floor(now / 1000);
    const forged = `${head}.${base64({ iss: issuer.url, aud: 'customhouse', sub: 'mallory', azp: 'claude', iat: seconds, exp: seconds + 600 })}.${signature}`;
    expect(await verifier().verify(forged)).toMatchObject({ ok: false, problem: 'signature' });
  });

  it('when it does not name its key and the issuer has several', async () => {
    const key = await issuer.newKey('one');
    await issuer.newKey('two');
    const token = await issuer.token(key, {}, { kid: undefined });
    expect(await verifier().verify(token)).toMatchObject({ ok: false, problem: 'signature' });
  });

  it('when it demands an extension that is not understood (crit)', async () => {
    const key = await issuer.newKey('one');
    const [, payload, signature] = (await issuer.token(key)).split('.');
    const token = `${base64({ alg: 'ES256', kid: 'one', crit: ['b64'], b64: false })}.${payload}.${signature}`;
    expect(await verifier().verify(token)).toMatchObject({ ok: false });
  });

  it.each(['', '.', '..', 'a.b.c', 'not a token', `${base64({ alg: 'ES256' })}.${base64([])}.AA`, '\u0000', 'x'.repeat(20_000)])(
    'when it is not a token at all (%#)',
    async (token) => {
      await issuer.newKey('one');
      expect(await verifier().verify(token)).toMatchObject({ ok: false, problem: 'malformed' });
    },
  );

  it('when no issuer is trusted', async () => {
    const subject = new JwtVerifier([]);
    expect(subject.enabled).toBe(false);
    expect(await subject.verify(await issuer.token(await issuer.newKey('one')))).toMatchObject({ ok: false, problem: 'unknown-issuer' });
  });

  it('without quoting the token or its claims in the message', async () => {
    const key = await issuer.newKey('one');
    const secret = 'planted-secret-value';
    const tokens = [
      await issuer.token(key, { exp: 1, jti: secret }),
      await issuer.token(key, { aud: secret }),
      await issuer.token(key, { iss: secret }),
      await issuer.token(key, { nbf: secret }),
      secret,
      await issuer.token(key, {}, { typ: secret }),
    ];
    for (const token of tokens) {
      const verdict = await verifier().verify(token);
      expect(verdict.ok).toBe(false);
      expect(JSON.stringify(verdict)).not.toContain(secret);
      expect(JSON.stringify(verdict)).not.toContain(token);
    }
  });
});

describe('the keys of an issuer', () => {
  it('are fetched again when a token names one that is not known: rotation needs no restart', async () => {
    const subject = verifier();
    expect(await subject.verify(await issuer.token(await issuer.newKey('one')))).toMatchObject({ ok: true });
    const second = await issuer.newKey('two');
    now += 20_000;
    expect(await subject.verify(await issuer.token(second))).toMatchObject({ ok: true });
    expect(issuer.requests).toHaveLength(2);
  });

  it('are not fetched more often than the cool-down says, whatever forged tokens name', async () => {
    const subject = verifier();
    const key = await issuer.newKey('one');
    await subject.verify(await issuer.token(key));
    for (let index = 0; index < 20; index += 1) {
      expect(await subject.verify(await issuer.token(key, { jti: `${index}` }, { kid: `unknown-${index}` }))).toMatchObject({ ok: false, problem: 'signature' });
    }
    expect(issuer.requests).toHaveLength(1);
    now += 15_000;
    await subject.verify(await issuer.token(key, {}, { kid: 'unknown' }));
    expect(issuer.requests).toHaveLength(2);
  });

  it('are fetched once for many tokens at a time', async () => {
    const subject = verifier();
    const key = await issuer.newKey('one');
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => issuer.token(key, { jti: `${index}` })));
    const verdicts = await Promise.all(tokens.map(async (token) => subject.verify(token)));
    expect(verdicts.every((verdict) => verdict.ok)).toBe(true);
    expect(issuer.requests).toHaveLength(1);
  });

  it('serve on while the issuer is away, and are given up when they are too old', async () => {
    const key = await issuer.newKey('one');
    const subject = verifier({}, { remember_ms: 0 });
    const token = await issuer.token(key, { exp: Math.floor(now / 1000) + 36_000 });
    expect(await subject.verify(token)).toMatchObject({ ok: true });
    issuer.answer = () => ({ status: 503 });
    now += 1_800_000;
    expect(await subject.verify(token)).toMatchObject({ ok: true });
    now += 1_800_001;
    expect(await subject.verify(token)).toMatchObject({ ok: false, problem: 'keys-unavailable' });
    issuer.answer = undefined;
    now += 15_000;
    expect(await subject.verify(token)).toMatchObject({ ok: true });
  });

  it.each([
    ['hangs', () => 'hang' as const, 'no answer within 300 ms'],
    ['answers with an error', () => ({ status: 500 }), 'status 500'],
    ['answers with something else than JSON', () => ({ body: '<html>' }), 'not JSON'],
    ['answers with JSON that is no key set', () => ({ body: '{"keys":7}' }), 'malformed'],
    ['answers without end', () => ({ body: Buffer.alloc(300_000, 32) }), 'longer than 262144 bytes'],
    ['sends us elsewhere', () => ({ status: 302, headers: { location: 'http://169.254.169.254/latest/meta-data' } }), 'status 302'],
  ])('are unavailable when the issuer %s', async (_, answer, reason) => {
    const token = await issuer.token(await issuer.newKey('one'));
    issuer.answer = answer;
    const started = performance.now();
    const verdict = await verifier().verify(token);
    expect(verdict).toMatchObject({ ok: false, problem: 'keys-unavailable' });
    expect(verdict).toHaveProperty('message', expect.stringContaining(reason));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('are unavailable when nobody listens at the address', async () => {
    const token = await issuer.token(await issuer.newKey('one'));
    const subject = verifier();
    await issuer.stop();
    expect(await subject.verify(token)).toMatchObject({ ok: false, problem: 'keys-unavailable', message: expect.stringContaining('127.0.0.1') });
    issuer = await TestIssuer.start();
  });

  it('are not taken from a discovery document that speaks for another issuer', async () => {
    const token = await issuer.token(await issuer.newKey('one'));
    issuer.answer = (path) => (path.includes('well-known') ? { body: JSON.stringify({ issuer: 'https://elsewhere.example', jwks_uri: issuer.jwks }) } : undefined);
    expect(await verifier({ jwks: undefined }).verify(token)).toMatchObject({ ok: false, problem: 'keys-unavailable', message: expect.stringContaining('another issuer') });
    expect(issuer.requests).not.toContain('/keys');
  });

  it.each(['http://keys.example/jwks', 'file:///etc/passwd', 'nowhere', 7])('are not fetched from %j though discovery says so', async (jwks_uri) => {
    const token = await issuer.token(await issuer.newKey('one'));
    issuer.answer = (path) => (path.includes('well-known') ? { body: JSON.stringify({ issuer: issuer.url, jwks_uri }) } : undefined);
    expect(await verifier({ jwks: undefined }).verify(token)).toMatchObject({ ok: false, problem: 'keys-unavailable' });
  });

  it('are not used when they are too weak', async () => {
    const token = await issuer.token(await issuer.newKey('one', 'RS256'));
    issuer.published = [{ ...issuer.published[0]!, jwk: { ...issuer.published[0]!.jwk, n: 'AQAB' } }];
    expect(await verifier().verify(token)).toMatchObject({ ok: false, problem: 'keys-unavailable' });
  });
});
