import type { Principal } from '@customhouse/events/principal';

/** A principal with what is made of it once and used for every call. */
export interface Caller {
  readonly principal: Principal;
  /** Names who acts, whichever credential proves it: the same agent and person have the same text. */
  readonly who: string;
  /** Names all that a policy may look at, so callers with the same text see the same tools. */
  readonly standing: string;
}

export function callerOf(principal: Principal): Caller {
  const { tenant, agent, person, groups, credential } = principal;
  // Members in canonical order, so that writing an event need not sort them.
  const ordered = { agent, credential: { id: credential.id, kind: credential.kind }, groups, person, tenant };
  return { principal: ordered, who: JSON.stringify([tenant, agent, person]), standing: JSON.stringify([tenant, agent, person, credential.kind, ...groups]) };
}

/** Whoever calls without a token on a gateway that listens on loopback in the development profile. */
export function developmentCaller(tenant: string): Caller {
  return callerOf({ tenant, agent: 'development', person: 'developer@localhost', groups: [], credential: { kind: 'loopback', id: 'development' } });
}
