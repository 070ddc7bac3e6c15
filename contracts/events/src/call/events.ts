import { z } from 'zod';
import { Decision } from '@customhouse/policy-contract/decision';
import { Annotations, Destination, RequestFacts, SessionState } from '@customhouse/policy-contract/input';
import { defineEvent } from '../catalogue.js';
import { Sealed, Timestamp, Ulid } from '../envelope.js';
import { Finding } from '../finding/finding.js';
import { Principal } from '../principal.js';
import { ToolLabel } from '../registry/events.js';

const topic = 'customhouse.calls';

/**
 * What is the same in every event that records the intent of a call: all that the decision was made on, so that it can be made
 * again. The time that it was made at is the event's own.
 */
const intent = {
  call: Ulid,
  session: z.string(),
  principal: Principal,
  client: z.strictObject({ name: z.string(), version: z.string() }).nullable(),
  network: z.strictObject({
    address: z.string(),
    forwarded: z.array(z.string()).min(1).optional().describe('Trusted proxies that the request came through, the one nearest to the client first.'),
  }),
  request: RequestFacts.optional().describe('How the request was made. Absent of what a server asks of a client.'),
  session_state: SessionState.optional().describe('What had happened in the session before. Absent where no rule looks at it.'),
  method: z.string().describe('A method of MCP: `tools/call`, another that clients ask for, or one that a server asks of a client (`sampling/createMessage`).'),
  during: Ulid.optional().describe('Of what a server asks of a client: the call in whose course it does.'),
  server: z.string(),
  generation: z.int().describe("Changes whenever the server's configuration changes."),
  tool: z
    .string()
    .describe(
      "What the method is aimed at, by the server's own name: the tool, the prompt, the URI of the resource, the URI template. Of what a server asks of a client: what the call is aimed at in whose course it does.",
    ),
  exposed: z.string().describe('The name the client used: `server__tool`, or the bare name on a pass-through endpoint.'),
  definition: z
    .string()
    .nullable()
    .describe('Order-insensitive digest of the definition that was in force. Null when nothing of the kind is served, and where nobody reviews definitions.'),
  labels: z.array(ToolLabel).nullable().describe('Of the tool, when the decision was made; other targets have none. Null when nothing of the kind is served.'),
  annotations: Annotations.optional().describe('Of the tool, when the decision was made. Absent for other targets.'),
  destinations: z
    .array(Destination)
    .optional()
    .describe('Where the call would send something, as far as its arguments say. Absent where there is nothing of the kind, or no rule looks at it.'),
  used: z.record(z.string(), z.int().nonnegative()).optional().describe('By rule with a limit: how many calls it had let through in its window. Absent where no rule has one.'),
  arguments: Sealed.describe('Of `tools/call` its arguments. Of other methods all of the params but the target and, where a client asks, `_meta`.'),
  extra: Sealed.optional().describe(
    'Members of the params that neither MCP nor the gateway knows, of `tools/call` and of `_meta`. They are sent, except with a held call, which is sent as it was approved.',
  ),
  findings: z.array(Finding),
  decision: Decision,
  record: z.enum(['strict', 'relaxed']),
};

/** The call may go to its upstream. Nothing was sent before this event was durable. */
export const callAdmitted = defineEvent({
  type: 'call.admitted',
  version: 1,
  topic,
  summary: 'A call was allowed and will be sent: to its upstream, or to the client where an upstream asks.',
  schema: z.strictObject({ ...intent, deadline: Timestamp }),
});

export const callRefused = defineEvent({
  type: 'call.refused',
  version: 1,
  topic,
  summary: 'A call was refused before anything of it was sent.',
  schema: z.strictObject({ ...intent, reason: z.string() }),
});

export const callHeld = defineEvent({
  type: 'call.held',
  version: 1,
  topic,
  summary: 'A call waits for a person.',
  schema: z.strictObject({
    ...intent,
    approval: z.strictObject({
      id: Ulid.describe('Also the id of the approval request.'),
      binding: z.string().describe('HMAC-SHA-256 (base64url, installation digest key) over what may run: see docs/explanation/approvals.md.'),
      nonce: z.string(),
      expires: Timestamp,
      quorum: z.int().min(1).describe('Distinct people who must approve.'),
    }),
  }),
});

/** Written for held calls only: an admitted call needs no second record before its first byte. */
export const callDispatched = defineEvent({
  type: 'call.dispatched',
  version: 1,
  topic,
  summary: 'A held call was approved and is being sent to its upstream.',
  schema: z.strictObject({ call: Ulid, approval: Ulid, binding: z.string(), deadline: Timestamp }),
});

export const callCompleted = defineEvent({
  type: 'call.completed',
  version: 1,
  topic,
  summary: 'There was an answer, and this is what was passed on.',
  schema: z.strictObject({
    call: Ulid,
    cached: Ulid.optional().describe('The call whose result was given again, as the policy allows (`cache_s`). Absent: the server was asked.'),
    error: z.boolean().describe("The tool's own verdict (`isError`); false for other methods."),
    result: Sealed,
    findings: z.array(Finding),
    upstream_ms: z.number(),
  }),
});

export const callFailed = defineEvent({
  type: 'call.failed',
  version: 1,
  topic,
  summary: 'The call had an end, but no result: the upstream answered with an error or could not be reached before anything was sent.',
  schema: z.strictObject({ call: Ulid, reason: z.string(), message: z.string(), result: Sealed.nullable(), upstream_ms: z.number() }),
});

export const callOutcomeLost = defineEvent({
  type: 'call.outcome.lost',
  version: 1,
  topic,
  summary: 'The call was sent and nobody can know whether it took effect. It is never retried silently.',
  schema: z.strictObject({ call: Ulid, reason: z.string() }),
});

export const callAborted = defineEvent({
  type: 'call.aborted',
  version: 1,
  topic,
  summary: 'The call was recorded, or perhaps recorded, and certainly never sent.',
  schema: z.strictObject({ call: Ulid, reason: z.string() }),
});

export const callDenied = defineEvent({
  type: 'call.denied',
  version: 1,
  topic,
  summary: 'A held call ended without being sent: denied, expired, cancelled, or no longer permitted when it was approved.',
  schema: z.strictObject({
    call: Ulid,
    approval: Ulid,
    reason: z.enum(['denied', 'expired', 'cancelled', 'policy-changed', 'definition-changed', 'digest-mismatch', 'identity-revoked', 'stopped']),
    message: z.string(),
  }),
});

/** A wish, and not an end: the call ends as denied when people have not decided and no process was told to run it. */
export const callWithdrawn = defineEvent({
  type: 'call.withdrawn',
  version: 1,
  topic,
  summary: 'The client of a held call does not want it any more.',
  schema: z.strictObject({ call: Ulid, approval: Ulid }),
});

/** Comes after the end of a held call. Until then an identical call is taken for a repetition and gets this outcome; afterwards it is a new call. */
export const callOutcomeCollected = defineEvent({
  type: 'call.outcome.collected',
  version: 1,
  topic,
  summary: 'The outcome of a held call was given to the client that asked for it.',
  schema: z.strictObject({ call: Ulid, approval: Ulid }),
});

/** Events after which nothing more happens to a call. */
export const terminalCallEvents = [callRefused, callCompleted, callFailed, callOutcomeLost, callAborted, callDenied] as const;
