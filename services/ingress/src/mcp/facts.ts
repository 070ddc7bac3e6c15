import type { Destination, PolicyInput, RequestFacts } from '@customhouse/policy-contract/input';
import { isServerMethod } from '@customhouse/policy-contract/methods';
import { destinationsIn } from '@customhouse/detectors/destinations';
import { revisionOf } from '@customhouse/mcp-wire/revisions';
import { isJsonObject } from '@customhouse/mcp-wire/json-rpc';
import { nothingBefore, unknownRequest } from '@customhouse/policy-engine/recorded-input';
import type { Policy } from '@customhouse/policy-engine/policy';
import { selectArguments } from '@customhouse/policy-engine/select-arguments';
import type { History } from '../state/history.js';
import type { Call } from './call.js';
import type { Inspector } from './inspect.js';

/** What the gateway looks at to fill in the input of a policy. */
export interface Facts {
  readonly inspector: Inspector;
  readonly history: History;
  readonly settings: { readonly policyMeta: readonly string[] };
}

/** Everything that the decision on a call may depend on. What costs time and no rule looks at is left empty. */
export function inputOf(call: Call, policy: Policy, facts: Facts): PolicyInput {
  const { served, session, method, server, target } = call;
  const needs = policy.needs(server, target, method, served?.labels);
  return {
    principal: call.caller.seen,
    client: session.client,
    network: { address: call.network.address, forwarded: [...call.network.forwarded] },
    session: session.id,
    session_state: needs.session_state ? facts.history.session(session.id) : nothingBefore,
    time: call.time,
    method,
    server,
    tool: target,
    version: served?.definition ?? null,
    labels: [...(served?.labels ?? [])],
    annotations: served?.annotations ?? null,
    arguments: selectArguments(policy.argumentsNeeded(server, target, method), call.asked.arguments),
    destinations: needs.destinations ? destinationsOf(call, facts.inspector) : [],
    request: requestOf(call, facts),
    findings: [...new Set(call.findings.map((finding) => finding.rule))],
    used: needs.limits.length === 0 ? {} : facts.history.used(needs.limits, { session: session.id, principal: call.caller.principal, server, tool: target }, call.time),
  };
}

/** Recorded in clear, so a host from a text in which a credential was found is none that anybody may know. */
function destinationsOf(call: Call, inspector: Inspector): Destination[] {
  const found = destinationsIn(call.asked.arguments);
  if (call.findings.length === 0) return found;
  const places = call.findings.filter(({ rule }) => rule === 'credential').map(({ location }) => location);
  // Places with a name that is not shown, or not whole, may be any.
  const anywhere = places.some((place) => /[*…]/.test(place));
  const isClean = (text: string): boolean => inspector.inspectArguments({ text }).length === 0;
  return found.map(({ kind, host, argument }) => {
    const secret = anywhere || places.includes(`arguments${argument}`) || (host !== null && !isClean(host));
    return { kind, host: secret ? null : host, argument: isClean(argument) ? argument : '' };
  });
}

const longestMeta = 200;

function requestOf(call: Call, { inspector, settings }: Facts): RequestFacts {
  if (call.request !== undefined) return call.request;
  const { protocol } = call.session;
  const era = revisionOf(protocol)?.era;
  if (era === undefined || isServerMethod(call.method)) return unknownRequest;
  const meta: RequestFacts['meta'] = {};
  const sent = settings.policyMeta.length > 0 ? call.asked.extra?.['_meta'] : undefined;
  if (isJsonObject(sent)) {
    for (const name of settings.policyMeta) {
      const value = Object.hasOwn(sent, name) ? sent[name] : undefined;
      if (typeof value === 'boolean' || typeof value === 'number') meta[name] = value;
      // Recorded in clear, too.
      else if (typeof value === 'string' && value.length <= longestMeta && inspector.inspectArguments({ value }).length === 0) meta[name] = value;
    }
  }
  return { era, meta, protocol };
}
