import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { ApiKey } from '@customhouse/events/registry/events';
import type { KeyDirectory, KeyVerdict } from '@customhouse/identity/key-directory';
import type { JwtVerdict, JwtVerifier } from '@customhouse/identity/jwt-verifier';
import { developmentCaller } from './caller.js';
import { identify, isLoopbackAddress, type Identification } from './identify.js';

const key: ApiKey = {
  id: 'k1',
  hash: '',
  tenant: 't',
  agent: 'robot',
  person: 'ada',
  groups: ['staff'],
  roles: ['agent'],
  created: '2026-01-01T00:00:00.000Z',
  expires: null,
  revoked: false,
};

function ways(options: { key?: KeyVerdict; ready?: boolean; token?: JwtVerdict; development?: boolean } = {}): Identification {
  const keys: KeyDirectory = { authenticate: () => options.key ?? { ok: true, key }, standing: () => 'valid', ready: options.ready ?? true };
  const tokens = { enabled: options.token !== undefined, verify: () => options.token! } as unknown as JwtVerifier;
  return { keys, tokens, development: options.development ? developmentCaller('t') : undefined, now: () => 0 };
}

function request(authorization?: string, remoteAddress = '127.0.0.1'): IncomingMessage {
  return { headers: authorization === undefined ? {} : { authorization }, socket: { remoteAddress } } as unknown as IncomingMessage;
}

describe('identifying a caller', () => {
  it('knows the agent and the person by an API key, and makes the caller of a key once', () => {
    const known = ways();
    const caller = identify(request('Bearer chk_x'), known);
    expect(caller).toMatchObject({ principal: { tenant: 't', agent: 'robot', person: 'ada', groups: ['staff'], credential: { kind: 'key', id: 'k1' } } });
    expect(identify(request('Bearer chk_x'), known)).toBe(caller);
  });

  it.each([['malformed'], ['unknown'], ['expired'], ['revoked']] as const)('says that a key is %s, with a challenge, and does not repeat it', (problem) => {
    let thrown: unknown;
    try {
      void identify(request('Bearer chk_secret'), ways({ key: { ok: false, problem } }));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ status: 401, rule: 'unauthenticated', headers: { 'www-authenticate': expect.stringContaining('error="invalid_token"') } });
    expect(JSON.stringify([thrown, (thrown as Error).message])).not.toContain('secret');
  });

  it.each(['operator', 'bootstrap'])('says of the %s key what it is for, and which key is needed', (kind) => {
    const presented = `chk_${kind}_${'s'.repeat(43)}`;
    const refused = (token: string) => {
      try {
        void identify(request(`Bearer ${token}`), ways({ key: { ok: false, problem: 'malformed' } }));
        throw new Error('it was let in');
      } catch (error) {
        return error as Error;
      }
    };
    expect(refused(presented)).toMatchObject({ status: 401, rule: 'unauthenticated', message: expect.stringMatching(/key of the operator.*role "agent"/) });
    expect(refused(presented).message).not.toContain('sss');
    expect(refused(`chk_${'s'.repeat(16)}_${kind}`).message).toContain('was not copied whole');
  });

  it('does not let a key without the role "agent" call tools', () => {
    expect(() => identify(request('Bearer chk_x'), ways({ key: { ok: true, key: { ...key, roles: ['operator'] } } }))).toThrow(
      expect.objectContaining({ status: 403, rule: 'forbidden' }),
    );
  });

  it('asks for patience while the keys are being read', () => {
    expect(() => identify(request('Bearer chk_x'), ways({ ready: false }))).toThrow(expect.objectContaining({ status: 503, rule: 'not-ready' }));
  });

  it('knows the agent and the person by a token of a trusted issuer', async () => {
    const identity = { tenant: 't', agent: 'bot', person: 'eve', groups: ['g'], credential: 'https://issuer 1' };
    expect(await identify(request('Bearer a.b.c'), ways({ token: { ok: true, identity } }))).toMatchObject({
      principal: { agent: 'bot', person: 'eve', credential: { kind: 'jwt', id: 'https://issuer 1' } },
    });
  });

  it('refuses a token that was refused, and says why', () => {
    expect(() => identify(request('Bearer a.b.c'), ways({ token: { ok: false, problem: 'expired', message: 'the token has expired: get a new one' } }))).toThrow(
      expect.objectContaining({ status: 401, message: 'the token has expired: get a new one' }),
    );
  });

  it('asks for patience when the keys of an issuer cannot be had', () => {
    expect(() => identify(request('Bearer a.b.c'), ways({ token: { ok: false, problem: 'keys-unavailable', message: 'x' } }))).toThrow(expect.objectContaining({ status: 503 }));
  });

  it('refuses a token where no issuer is trusted', () => {
    expect(() => identify(request('Bearer a.b.c'), ways())).toThrow(expect.objectContaining({ status: 401 }));
  });

  it.each([['Basic YTpi'], ['Bearer'], ['Bearer a b'], ['chk_x']])('refuses the header "%s"', (authorization) => {
    expect(() => identify(request(authorization), ways({ development: true }))).toThrow(expect.objectContaining({ status: 400, rule: 'unauthenticated' }));
  });

  it('lets nobody in without a token, outside the development profile', () => {
    expect(() => identify(request(), ways())).toThrow(expect.objectContaining({ status: 401, headers: { 'www-authenticate': 'Bearer realm="customhouse"' } }));
  });

  it('lets this machine in without a token in the development profile, and nobody else', () => {
    expect(identify(request(), ways({ development: true }))).toMatchObject({
      principal: { agent: 'development', person: 'developer@localhost', credential: { kind: 'loopback' } },
    });
    expect(() => identify(request(undefined, '10.0.0.7'), ways({ development: true }))).toThrow(expect.objectContaining({ status: 401 }));
  });

  it('looks at a token that is sent, also in the development profile', () => {
    expect(() => identify(request('Bearer chk_x'), ways({ development: true, key: { ok: false, problem: 'revoked' } }))).toThrow(expect.objectContaining({ status: 401 }));
  });

  it.each([
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.0.0.1', false],
    ['::ffff:10.0.0.1', false],
    [undefined, false],
  ])('the address %s is this machine: %s', (address, expected) => {
    expect(isLoopbackAddress(address)).toBe(expected);
  });
});
