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
    requester: z.strictObject({ tenant: z.string(), agent: z.string(), person: z.string() }),
    method: z.string(),
    server: z.string(),
    tool: z.string().describe('What the method is aimed at: the tool, the prompt, the URI.'),
    rules: z.array(z.string()),
    reason: z.string(),
    quorum: z.int().min(1),
    expires: Timestamp,
    held: Position.describe('The held event: the stored copy that will run.'),
  }),
});
export const voteCast = defineEvent({
  type: 'approval.vote.cast',
  version: 1,
  topic,
  summary: 'A person gave a verdict.',
  schema: z.strictObject({ approval: Ulid, by: z.string(), verdict: z.enum(['approve', 'deny']), reason: z.string(), via: z.string() }),
});
export const requestGranted = defineEvent({
  type: 'approval.request.granted',
  version: 1,
  topic,
  summary: 'Enough people approved.',
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
