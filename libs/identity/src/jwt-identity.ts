import type { Actor, Attributes } from '@customhouse/policy-contract/input';
import type { JWTPayload } from 'jose';
import type { JwtIssuer } from './jwt-issuers.js';
import { TokenRefused } from './jwt-problem.js';

/** Who a verified token speaks for: the agent and the person behind it. */
export interface TokenIdentity {
  readonly tenant: string;
  readonly agent: string;
  readonly person: string;
  /** The person who answers for the agent, where the token says it. */
  readonly owner?: string;
  readonly groups: readonly string[];
  /** Absent where there are none. */
  readonly attributes?: Attributes;
  /** Who acts for the person (`act`, RFC 8693), the one that made the call first. Absent where the token says nothing of that. */
  readonly delegation?: Actor[];
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
  const owner = firstName(claims, issuer.owner);
  const attributes = attributesOf(claims, issuer);
  const delegation = delegationOf(claims, issuer);
  return {
    tenant: issuer.tenant,
    agent: issuer.prefix + agent,
    person: issuer.prefix + person,
    ...(owner !== undefined && { owner: issuer.prefix + owner }),
    groups: groupsOf(claims, issuer).map((group) => issuer.prefix + group),
    ...(attributes !== undefined && { attributes }),
    ...(delegation !== undefined && { delegation }),
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

const maxValues = 100;

/** Claims that are not there are left out. One that cannot be kept as it is refuses the token: a rule may refuse what it says. */
function attributesOf(claims: JWTPayload, issuer: JwtIssuer): Attributes | undefined {
  let attributes: [string, Attributes[string]][] | undefined;
  for (const [name, path] of Object.entries(issuer.attributes)) {
    const value = claimAt(claims, path);
    if (value === undefined || value === null) continue;
    const usable = Array.isArray(value) ? value.length <= maxValues && value.every((item) => asName(item) !== undefined) : isPlain(value);
    if (!usable) throw new TokenRefused('malformed', `the claim ${path} is no text, number, boolean or list of at most ${maxValues} texts`);
    (attributes ??= []).push([name, value as Attributes[string]]);
  }
  return attributes && Object.fromEntries(attributes);
}

function isPlain(value: unknown): boolean {
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)) || asName(value) !== undefined;
}

const maxActors = 10;

/** The chain of `act` claims (RFC 8693, section 4.1), the outermost first: it made the call, and those within it acted before. */
function delegationOf(claims: JWTPayload, issuer: JwtIssuer): Actor[] | undefined {
  const chain: Actor[] = [];
  for (let act = claims['act']; act !== undefined; act = (act as { act?: unknown }).act) {
    const actor = typeof act === 'object' && act !== null ? asName((act as { sub?: unknown }).sub) : undefined;
    if (actor === undefined) throw new TokenRefused('malformed', 'the token says that somebody acts for its subject (act), and not who: "sub" holds no name');
    if (chain.length === maxActors) throw new TokenRefused('malformed', `the token was passed on more than ${maxActors} times (act)`);
    chain.push({ actor: issuer.prefix + actor });
  }
  return chain.length === 0 ? undefined : chain;
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
