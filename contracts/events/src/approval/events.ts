import { ApprovalTerms } from '@customhouse/policy-contract/approve';
import { z } from 'zod';
import { defineEvent } from '../catalogue.js';
import { Timestamp, Ulid } from '../envelope.js';

const topic = 'customhouse.approvals';

/** Where a record lies in the log. */
export const Position = z.strictObject({ topic: z.string(), partition: z.int(), offset: z.int() });

export const requestOpened = defineEvent({
  type: 'approval.request.opened',
  version: 1,
  topic,
  summary: 'A person is asked about one exact call.',
  schema: z.strictObject({
    approval: Ulid,
    call: Ulid,
    binding: z.string(),
    requester: z.strictObject({
      tenant: z.string(),
      agent: z.string(),
      person: z.string(),
      owner: z.string().nullable().describe('The person to whom the agent belongs.'),
      actors: z.array(z.string()).describe('On whose behalf, through whom: the `act` chain of the token.'),
    }),
    method: z.string(),
    server: z.string(),
    tool: z.string().describe('What the method is aimed at: the tool, the prompt, the URI.'),
    rules: z.array(z.string()),
    reason: z.string(),
    terms: ApprovalTerms.describe('What it takes to let the call run, by all rules that hold it.'),
    opened: Timestamp.describe("By the database's clock, as everything about a request."),
    expires: Timestamp,
    held: Position.describe('The held event: the stored copy that will run.'),
  }),
});
export const voteCast = defineEvent({
  type: 'approval.vote.cast',
  version: 1,
  topic,
  summary: 'A person gave a verdict.',
  schema: z.strictObject({
    approval: Ulid,
    by: z.string().describe('The person, by the name that linked identities have in common.'),
    for: z.string().nullable().describe('The person whose right was used, where it was delegated.'),
    groups: z.array(z.string()).describe('Groups through which the vote may count: those of the person, or of the one whose right was used.'),
    verdict: z.enum(['approve', 'deny']),
    reason: z.string(),
    via: z.string().describe('Where: `api`, `browser`, `slack`, …'),
    fresh: z.boolean().describe('With a login made for this decision.'),
    preview: z.string().nullable().describe('SHA-256 (base64url) of what was shown to the person, where that is known.'),
  }),
});
export const requestReminded = defineEvent({
  type: 'approval.request.reminded',
  version: 1,
  topic,
  summary: 'People were asked again: for a decision, or for the review of one that a single person made.',
  schema: z.strictObject({ approval: Ulid, call: Ulid, about: z.enum(['decision', 'review']), number: z.int().min(1) }),
});
export const requestEscalated = defineEvent({
  type: 'approval.request.escalated',
  version: 1,
  topic,
  summary: 'Nobody decided in time, so others may decide as well.',
  schema: z.strictObject({ approval: Ulid, call: Ulid, groups: z.array(z.string()) }),
});
export const glassBroken = defineEvent({
  type: 'approval.glass.broken',
  version: 1,
  topic,
  summary: 'One person let the call run alone, and has to be reviewed.',
  schema: z.strictObject({
    approval: Ulid,
    call: Ulid,
    binding: z.string(),
    by: z.string(),
    groups: z.array(z.string()).describe('Groups that gave the right.'),
    reason: z.string(),
    via: z.string(),
    fresh: z.boolean(),
    preview: z.string().nullable(),
    review_by: Timestamp.describe('Until then somebody else has to review it.'),
  }),
});
export const reviewCompleted = defineEvent({
  type: 'approval.review.completed',
  version: 1,
  topic,
  summary: 'Somebody else looked at what one person let run alone.',
  schema: z.strictObject({ approval: Ulid, call: Ulid, by: z.string(), verdict: z.enum(['justified', 'unjustified']), comment: z.string() }),
});
export const requestGranted = defineEvent({
  type: 'approval.request.granted',
  version: 1,
  topic,
  summary: 'Enough people approved, or one in an emergency.',
  schema: z.strictObject({ approval: Ulid, call: Ulid, binding: z.string(), by: z.array(z.string()) }),
});
export const requestDenied = defineEvent({
  type: 'approval.request.denied',
  version: 1,
  topic,
  summary: 'A person said no.',
  schema: z.strictObject({ approval: Ulid, call: Ulid, by: z.string(), reason: z.string() }),
});
export const requestExpired = defineEvent({
  type: 'approval.request.expired',
  version: 1,
  topic,
  summary: 'Nobody decided in time.',
  schema: z.strictObject({ approval: Ulid, call: Ulid }),
});
export const requestCancelled = defineEvent({
  type: 'approval.request.cancelled',
  version: 1,
  topic,
  summary: 'The request was withdrawn.',
  schema: z.strictObject({ approval: Ulid, call: Ulid, by: z.string(), reason: z.string() }),
});
const searched = z
  .int()
  .nonnegative()
  .describe(
    'An offset in the partition of the held event, before which the log has no `call.dispatched` and no end of this call. A named ingress sends only when its own `call.dispatched` is the first such event from there on: it may have slept, and another have been named meanwhile.',
  );

/** Names the one ingress process that may dispatch. Another is named only when the log proves that this one never recorded a dispatch. */
export const dispatcherNamed = defineEvent({
  type: 'approval.dispatcher.named',
  version: 1,
  topic,
  summary: 'One ingress was told to run the approved call.',
  schema: z.strictObject({ approval: Ulid, call: Ulid, binding: z.string(), instance: z.string(), epoch: z.string(), attempt: z.int().min(1), held: Position, searched }),
});
export const requestClosed = defineEvent({
  type: 'approval.request.closed',
  version: 1,
  topic,
  summary: 'The call behind the request has ended.',
  schema: z.strictObject({ approval: Ulid, call: Ulid, terminal: z.string() }),
});

const tenant = z.string();

/** Subject: `delegation-<id>`. It ends by itself. */
export const delegationGiven = defineEvent({
  type: 'approval.delegation.given',
  version: 1,
  topic,
  summary: 'A person let another one decide in their place, for a time.',
  schema: z.strictObject({
    delegation: Ulid,
    tenant,
    from: z.string(),
    groups: z.array(z.string()).describe('Groups of the person who gives it, whose rights come with it. What was delegated to that person does not.'),
    to: z.string(),
    expires: Timestamp,
    reason: z.string(),
  }),
});
export const delegationRevoked = defineEvent({
  type: 'approval.delegation.revoked',
  version: 1,
  topic,
  summary: 'A delegation was taken back before its time.',
  schema: z.strictObject({ delegation: Ulid, tenant, by: z.string() }),
});

const identity = {
  identity: Ulid,
  tenant,
  kind: z.enum(['oidc', 'slack', 'teams', 'name']).describe('`name`: another name of the same person, as in a key or a token.'),
  authority: z.string().describe('Who vouches for the subject: the issuer, the Slack team; empty for a name.'),
  subject: z.string(),
};
/** Subject: `identity-<id>`. */
export const identityLinked = defineEvent({
  type: 'approval.identity.linked',
  version: 1,
  topic,
  summary: 'An account was found to be of this person; all accounts of a person are one when people are counted.',
  schema: z.strictObject({ ...identity, person: z.string(), by: z.string() }),
});
export const identityUnlinked = defineEvent({
  type: 'approval.identity.unlinked',
  version: 1,
  topic,
  summary: 'An account no longer counts as of this person.',
  schema: z.strictObject({ ...identity, person: z.string(), by: z.string() }),
});

/** Key: the approval's id. Removed when the retention after its end has passed. */
export const approvalPublished = defineEvent({
  type: 'approval.state.published',
  version: 1,
  topic: 'customhouse.state.approvals',
  summary: 'The present state of an approval request.',
  schema: z.strictObject({
    approval: Ulid,
    call: Ulid,
    binding: z.string(),
    status: z.enum(['open', 'granted', 'dispatching', 'denied', 'expired', 'cancelled', 'closed']),
    expires: Timestamp,
    reason: z.string(),
    decided_by: z.array(z.string()),
    held: Position,
    outcome: Position.nullable().describe('The terminal event of the call, once there is one.'),
    dispatcher: z
      .strictObject({ instance: z.string(), epoch: z.string(), attempt: z.int().min(1), searched })
      .nullable()
      .describe('Who ends the call: dispatches it when it is granted (`dispatching`), records its denial when it is denied, expired or cancelled.'),
  }),
});
