import type { Principal } from '@customhouse/events/principal';
import type { PolicyInput } from '@customhouse/policy-contract/input';
import { principalOf } from '@customhouse/policy-engine/recorded-input';

/** A principal with what is made of it once and used for every call. */
export interface Caller {
  readonly principal: Principal;
  /** What a policy sees of it. */
  readonly seen: PolicyInput['principal'];
  /** Names who acts, whichever credential proves it: the same agent and person have the same text. */
  readonly who: string;
  /** Names all that a policy may look at, so callers with the same text see the same tools. */
  readonly standing: string;
}

export function callerOf(principal: Principal): Caller {
  const { tenant, agent, owner, person, groups, attributes, delegation, credential } = principal;
  // Members in canonical order, so that writing an event need not sort them; those that are undefined are not written.
  const ordered = { agent, attributes, credential: { id: credential.id, kind: credential.kind }, delegation, groups, owner, person, tenant };
  const seen = principalOf(principal);
  return { principal: ordered, seen, who: JSON.stringify([tenant, agent, person]), standing: JSON.stringify(seen) };
}

/** Whoever calls without a token on a gateway that listens on loopback in the development profile. */
export function developmentCaller(tenant: string): Caller {
  return callerOf({ tenant, agent: 'development', person: 'developer@localhost', groups: [], credential: { kind: 'loopback', id: 'development' } });
}
