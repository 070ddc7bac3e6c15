import type { JWTPayload } from 'jose';
import type { JwtIssuer } from './jwt-issuers.js';
import { TokenRefused } from './jwt-problem.js';

/** Who a verified token speaks for: the agent and the person behind it. */
export interface TokenIdentity {
  readonly tenant: string;
  readonly agent: string;
  readonly person: string;
  readonly groups: readonly string[];
  /** Names the token in records without being one: its issuer and its `jti`, or `sub` where it has none. */
  readonly credential: string;
}

/** A name longer than this is no name, and would travel in every event. */
const maxNameLength = 256;
const maxGroups = 500;

/** Reads agent, person and groups from verified claims, by the issuer's mapping. Throws TokenRefused. */
export function identityOf(claims: JWTPayload, issuer: JwtIssuer): TokenIdentity {
  const agent = firstName(claims, issuer.agent);
  if (agent === undefined) throw new TokenRefused('agent-missing', `the token names no agent: none of the claims ${issuer.agent.join(', ')} holds a name`);
  const person = firstName(claims, issuer.person);
  if (person === undefined) throw new TokenRefused('person-missing', `the token names no person: none of the claims ${issuer.person.join(', ')} holds a name`);
  // The token of a client that acts for itself carries its own id as the subject. There is no person behind it.
  if (person === agent) throw new TokenRefused('person-missing', 'the token speaks for its client alone: the claims for agent and person hold the same name');
  if (issuer.person.includes('email') && claims['email'] === person && claims['email_verified'] === false)
    throw new TokenRefused('person-missing', 'the token names a person by an e-mail address that its issuer has not verified');
  return {
    tenant: issuer.tenant,
    agent: issuer.prefix + agent,
    person: issuer.prefix + person,
    groups: groupsOf(claims, issuer).map((group) => issuer.prefix + group),
    credential: `${issuer.issuer} ${asName(claims.jti) ?? asName(claims.sub) ?? 'without-id'}`,
  };
}

function groupsOf(claims: JWTPayload, issuer: JwtIssuer): string[] {
  for (const path of issuer.groups) {
    const value = claimAt(claims, path);
    if (value === undefined || value === null) continue;
    const names = Array.isArray(value) ? value : [value];
    // Cutting the list would lose a group that a rule refuses, so a list that cannot be kept whole refuses the token.
    if (names.length > maxGroups) throw new TokenRefused('malformed', `the claim ${path} lists more than ${maxGroups} groups`);
    return names.map((name) => {
      const group = asName(name);
      if (group === undefined) throw new TokenRefused('malformed', `the claim ${path} holds something that is not the name of a group`);
      return group;
    });
  }
  return [];
}

function firstName(claims: JWTPayload, paths: readonly string[]): string | undefined {
  for (const path of paths) {
    const name = asName(claimAt(claims, path));
    if (name !== undefined) return name;
  }
  return undefined;
}

/** A claim by its own name, which may have dots (`https://example.com/groups`), else by a path into objects (`act.sub`). */
function claimAt(claims: object, path: string): unknown {
  if (Object.hasOwn(claims, path)) return (claims as Record<string, unknown>)[path];
  let value: unknown = claims;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

function asName(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxNameLength) return undefined;
  // Names appear in logs and on screens: nothing that moves a cursor or turns the writing direction, and no space at an end.
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value) || value.trim() !== value ? undefined : value;
}
