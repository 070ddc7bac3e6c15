import type { IncomingMessage } from 'node:http';
import type { ApiKey } from '@customhouse/events/registry/events';
import type { Principal } from '@customhouse/events/principal';
import type { KeyDirectory } from '@customhouse/identity/key-directory';
import type { JwtVerdict, JwtVerifier } from '@customhouse/identity/jwt-verifier';
import { bearerToken } from '@customhouse/mcp-wire/headers';
import { callerOf, type Caller } from './caller.js';
import { HttpFailure } from './failure.js';

/** The ways to know a caller. */
export interface Identification {
  readonly keys: KeyDirectory;
  readonly tokens: JwtVerifier;
  /** The development profile; undefined where it is off. */
  readonly development: Caller | undefined;
  now(): number;
}

/** The agent and the person behind a request. Throws, or rejects with, HttpFailure. Answers at once unless a JWT is new. */
export function identify(request: IncomingMessage, ways: Identification): Caller | Promise<Caller> {
  const { authorization } = request.headers;
  if (authorization === undefined) return withoutToken(request, ways);
  const token = bearerToken(authorization);
  if (token === undefined) throw unauthenticated('the Authorization header is not "Bearer TOKEN"', 'invalid_request');
  return token.startsWith('chk_') ? byKey(token, ways) : byJwt(token, ways);
}

function withoutToken(request: IncomingMessage, ways: Identification): Caller {
  // What came through a proxy of this machine came from somewhere else.
  const { 'x-forwarded-for': forwardedFor, forwarded } = request.headers;
  if (ways.development !== undefined && forwardedFor === undefined && forwarded === undefined && isLoopbackAddress(request.socket.remoteAddress)) return ways.development;
  throw unauthenticated('send an API key or an access token: "Authorization: Bearer …"');
}

function byKey(token: string, ways: Identification): Caller {
  if (!ways.keys.ready) throw new HttpFailure(503, 'not-ready', 'the keys are still being read; try again in a moment', { 'retry-after': '1' });
  const verdict = ways.keys.authenticate(token, ways.now());
  if (!verdict.ok) throw unauthenticated(verdict.problem === 'malformed' && operatorsKey.test(token) ? forControlApi : keyProblems[verdict.problem], 'invalid_token');
  return callerOfKey(verdict.key);
}

/** As installations make it for their first minutes. It is in no directory, and nobody's in particular. */
const operatorsKey = /^chk_(?:operator|bootstrap)_/;
const forControlApi =
  'this is the key of the operator, which opens the control API and calls nothing: use a key with the role "agent", such as "customhouse keys create --role agent" issues';

const keyProblems = {
  malformed: 'the API key is malformed: it was not copied whole',
  unknown: 'the API key is not known',
  expired: 'the API key has expired: ask for a new one',
  revoked: 'the API key was revoked',
} as const;

const callers = new WeakMap<ApiKey, Caller>();

/** The directory gives the same object until a key changes, so what is made of it is kept beside it. */
function callerOfKey(key: ApiKey): Caller {
  if (!key.roles.includes('agent')) throw new HttpFailure(403, 'forbidden', 'this API key has not the role "agent", so it may not call tools');
  let caller = callers.get(key);
  if (caller === undefined) {
    caller = callerOf({
      tenant: key.tenant,
      agent: key.agent,
      owner: key.owner,
      person: key.person,
      groups: key.groups,
      attributes: key.attributes,
      credential: { kind: 'key', id: key.id },
    });
    callers.set(key, caller);
  }
  return caller;
}

function byJwt(token: string, ways: Identification): Caller | Promise<Caller> {
  if (!ways.tokens.enabled) throw unauthenticated('this is not an API key, and no issuer of access tokens is trusted here', 'invalid_token');
  const verdict = ways.tokens.verify(token);
  return verdict instanceof Promise ? verdict.then(callerOfToken) : callerOfToken(verdict);
}

const tokenCallers = new WeakMap<object, Caller>();

function callerOfToken(verdict: JwtVerdict): Caller {
  if (!verdict.ok) {
    if (verdict.problem === 'keys-unavailable') throw new HttpFailure(503, 'not-ready', verdict.message, { 'retry-after': '5' });
    throw unauthenticated(verdict.message, 'invalid_token');
  }
  const { identity } = verdict;
  let caller = tokenCallers.get(identity);
  if (caller === undefined) {
    const principal: Principal = {
      tenant: identity.tenant,
      agent: identity.agent,
      owner: identity.owner,
      person: identity.person,
      groups: [...identity.groups],
      attributes: identity.attributes,
      delegation: identity.delegation,
      credential: { kind: 'jwt', id: identity.credential },
    };
    caller = callerOf(principal);
    tokenCallers.set(identity, caller);
  }
  return caller;
}

/** RFC 6750. The description is ours and holds nothing of the token. */
function unauthenticated(message: string, error?: 'invalid_token' | 'invalid_request'): HttpFailure {
  const challenge = `Bearer realm="customhouse"${error === undefined ? '' : `, error="${error}", error_description="${message.replaceAll('"', "'")}"`}`;
  return new HttpFailure(error === 'invalid_request' ? 400 : 401, 'unauthenticated', message, { 'www-authenticate': challenge.replaceAll(/[^\x20-\x7e]/g, '.') });
}

export function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && (address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.'));
}
