import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { couldAllow } from '@customhouse/policy-engine/could-allow';
import { silentClient, type ClientProfile } from '../../upstreams/errand.js';
import type { Call } from '../call.js';
import { profileOf } from './client-capabilities.js';
import type { ClientLink } from '../dispatch.js';
import type { Inspector } from '../inspect.js';
import type { Parts } from '../parts.js';
import { answerUpstream } from './upstream-asks.js';

const none: ClientLink = { profile: silentClient, onMessage: undefined, onRequest: undefined };

/** What goes from the server to the client in the course of a call: notifications that concern it, and requests, which are governed. */
export function linkTo(call: Call, parts: Parts): ClientLink {
  const { client } = call;
  if (client === undefined) return none;
  return {
    profile: profileFor(client.capabilities, call.server, parts),
    onMessage: ({ method, params }) => {
      // Progress comes with the client's own token, so there is none for a client that gave none.
      if (method === 'notifications/progress' && call.asked.progressToken === undefined) return;
      if (typeof method === 'string' && method.startsWith('notifications/')) client.notify(method, passable(params, parts.inspector));
    },
    onRequest: (request) => answerUpstream(call, request, parts),
    // Whether a client has the outcome of a held call is seen by its own stream.
    onPaused: call.decision.effect === 'allow' ? () => client.pause?.() : undefined,
  };
}

/** A client is presented to a server as what it declared, without what the policy would refuse to that server in any case. */
export function profileFor(capabilities: JsonObject, server: string, parts: Pick<Parts, 'policy'>): ClientProfile {
  if (!('sampling' in capabilities) && !('elicitation' in capabilities) && !('roots' in capabilities)) return silentClient;
  const { rules } = parts.policy().version.rules;
  return profileOf(capabilities, (method) => couldAllow(rules, method, server));
}

/** What a server says outside of results goes to the client unrecorded: what the detectors object to is taken out, of progress all words. */
export function passable(params: unknown, inspector: Inspector): JsonObject | undefined {
  if (!isJsonObject(params)) return undefined;
  const { value, findings } = inspector.inspectResult(params);
  if (findings.length === 0 || !('message' in value)) return value;
  const { message: _message, ...rest } = value;
  return rest;
}
