import { Timestamp, Ulid } from '@customhouse/events/envelope';
import { z } from 'zod';
import { pageOf, pageQuery } from './paging.js';
import { defineProblem, notFound } from './problem.js';
import { defineRoute } from './route.js';

export const alreadyDecided = defineProblem({
  code: 'already-decided',
  status: 409,
  title: 'The request is decided',
  help: 'A request is decided once. `detail` says how and by whom.',
});
export const requestExpired = defineProblem({
  code: 'expired',
  status: 409,
  title: 'The request has expired',
  help: 'Nobody decided in time. The agent has to make the call again.',
});
export const digestMismatch = defineProblem({
  code: 'digest-mismatch',
  status: 409,
  title: 'The request is about another call',
  help: 'The `binding` of the vote is not that of the request, or the held call does not fit its own binding. Read the request again; nothing was decided.',
});
export const fourEyes = defineProblem({
  code: 'four-eyes',
  status: 403,
  title: 'Somebody else has to decide',
  help: 'Neither the person nor the agent that asked for a call can decide it.',
});
export const notYours = defineProblem({
  code: 'not-yours',
  status: 403,
  title: 'Not your request',
  help: 'A request is cancelled by the person who asked for the call, or by an operator.',
});

export const ApprovalStatus = z.enum(['open', 'granted', 'dispatching', 'denied', 'expired', 'cancelled', 'closed']);
export type ApprovalStatus = z.infer<typeof ApprovalStatus>;

export const Approval = z
  .strictObject({
    approval: Ulid,
    call: Ulid,
    status: ApprovalStatus,
    agent: z.string(),
    person: z.string(),
    /** `tools/call`, or another method of MCP. */
    method: z.string(),
    server: z.string(),
    /** What the method is aimed at, by the server's own name: the tool, the prompt, the URI. */
    tool: z.string(),
    /** The rules that hold the call. */
    rules: z.array(z.string()),
    /** Why it is held, in the words of the rule. */
    reason: z.string(),
    /** What an approval covers, as one digest: give it back with the vote. */
    binding: z.string(),
    /** Distinct people who must approve. */
    quorum: z.int().min(1),
    /** Who has approved so far. */
    approvers: z.array(z.string()),
    opened: Timestamp,
    expires: Timestamp,
    decided: Timestamp.nullable(),
    decided_by: z.array(z.string()),
    /** The words of the decision. */
    decision: z.string().nullable(),
    /** The process that was told to end the call. */
    dispatcher: z.strictObject({ instance: z.string(), epoch: z.string(), attempt: z.int() }).nullable(),
    /** How the call ended: the type of its last event. */
    terminal: z.string().nullable(),
  })
  .meta({ id: 'Approval' });
export type Approval = z.infer<typeof Approval>;

/** With what would run, as text for people. */
export const ApprovalDetail = Approval.extend({
  /** The same for everybody, and made of what is stored: one line for each argument, invisible characters written out. */
  rendering: z.string(),
  /** False when something could not be shown; the rendering says what, and gives its digest. */
  complete: z.boolean(),
  /** SHA-256 (base64url) of the rendering. */
  preview: z.string(),
}).meta({ id: 'ApprovalDetail' });
export type ApprovalDetail = z.infer<typeof ApprovalDetail>;

const params = z.strictObject({ approval: Ulid });
/** Text that a database can keep and a terminal can show. */
const Reason = z
  .string()
  .max(1000)
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text.replaceAll(/[\n\t]/g, '')), 'holds control characters');
const name = z.string().min(1).max(256);

export const approvalRoutes = {
  list: defineRoute({
    method: 'GET',
    path: '/v1/approvals',
    summary: 'List approval requests.',
    description: 'Newest first. Every filter that is given must match exactly.',
    roles: ['approver', 'auditor', 'operator'],
    query: z.strictObject({
      ...pageQuery,
      status: ApprovalStatus.optional(),
      agent: name.optional(),
      person: name.optional(),
      method: name.optional(),
      server: name.optional(),
      tool: z.string().min(1).max(2048).optional(),
    }),
    response: pageOf(Approval),
    errors: [],
  }),
  show: defineRoute({
    method: 'GET',
    path: '/v1/approvals/:approval',
    summary: 'Show a request, and what would run.',
    roles: ['approver', 'auditor'],
    params,
    response: ApprovalDetail,
    errors: [notFound],
  }),
  vote: defineRoute({
    method: 'POST',
    path: '/v1/approvals/:approval/votes',
    summary: 'Approve or deny a request.',
    description: 'One denial denies; as many distinct people as the quorum says grant. The same vote again counts once and is no error.',
    roles: ['approver'],
    params,
    body: z.strictObject({
      verdict: z.enum(['approve', 'deny']),
      reason: Reason.default(''),
      /** The binding that was read; a vote for another one is refused. */ binding: z.string().max(100).optional(),
    }),
    response: Approval,
    errors: [notFound, alreadyDecided, requestExpired, digestMismatch, fourEyes],
  }),
  cancel: defineRoute({
    method: 'POST',
    path: '/v1/approvals/:approval/cancel',
    summary: 'Withdraw a request.',
    description: 'Possible until somebody was told to run the call, for the person who asked for it and for operators.',
    roles: [],
    params,
    body: z.strictObject({ reason: Reason.default('') }),
    response: Approval,
    errors: [notFound, alreadyDecided, requestExpired, notYours],
  }),
};
