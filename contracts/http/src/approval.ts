import { Timestamp, Ulid } from '@customhouse/events/envelope';
import { ApprovalTerms } from '@customhouse/policy-contract/approve';
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

export const notEligible = defineProblem({
  code: 'not-eligible',
  status: 403,
  title: 'Not one of those who decide about this call',
  help: 'The rules that hold the call name people or groups, and the voter is none of them: `detail` says whom they ask for. Groups are those of the key or of the last login.',
});
export const rightUsed = defineProblem({
  code: 'right-used',
  status: 409,
  title: 'The right to decide was used already',
  help: 'Whoever delegates a right and whoever uses it count as one. `detail` says whose right it was.',
});
export const freshLogin = defineProblem({
  code: 'fresh-login',
  status: 403,
  title: 'This needs a login made for it',
  help: 'The rules ask for a login made for this decision: decide in the browser. Denying needs none.',
});
export const noBreakGlass = defineProblem({
  code: 'no-break-glass',
  status: 409,
  title: 'There is no way around the approvals',
  help: 'No one person may let this call run: a rule that holds it has no `break_glass`.',
});
export const reasonNeeded = defineProblem({
  code: 'reason-needed',
  status: 400,
  title: 'A reason is needed',
  help: 'Say why it cannot wait: the reason is recorded and reviewed.',
});
export const reviewOverdue = defineProblem({
  code: 'review-overdue',
  status: 403,
  title: 'An earlier call is not reviewed',
  help: 'Who let a call run alone and was not reviewed in time cannot do so again before that: `detail` says which request somebody else has to review.',
});
export const nothingToReview = defineProblem({
  code: 'nothing-to-review',
  status: 409,
  title: 'Nothing to review',
  help: 'Only what one person let run alone is reviewed.',
});
export const identityTaken = defineProblem({
  code: 'identity-taken',
  status: 409,
  title: 'The account belongs to somebody else',
  help: 'An account or name belongs to one person. Unlink it first, if it was linked by mistake.',
});
export const delegationRefused = defineProblem({
  code: 'delegation-refused',
  status: 409,
  title: 'This cannot be delegated',
  help: 'Nobody delegates to themselves, into the past, or for longer than `CUSTOMHOUSE_APPROVAL_DELEGATION_S`.',
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
    /** The person who answers for the agent. */
    owner: z.string().nullable(),
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
    /** All that is asked of the approvers. */
    terms: ApprovalTerms,
    /** Who has approved so far and counts: one name for each person. */
    approvers: z.array(z.string()),
    /** What is still missing: people in all, and members of groups. */
    missing: z.strictObject({ people: z.int(), groups: z.array(z.strictObject({ group: z.string(), missing: z.int() })) }),
    opened: Timestamp,
    expires: Timestamp,
    /** Reminders so far. */
    reminded: z.int(),
    /** When others were asked as well. */
    escalated: Timestamp.nullable(),
    decided: Timestamp.nullable(),
    decided_by: z.array(z.string()),
    /** The words of the decision. */
    decision: z.string().nullable(),
    /** What one person let run alone, in an emergency, and what somebody else thought of it. */
    break_glass: z
      .strictObject({
        by: z.string(),
        reason: z.string(),
        review_by: Timestamp,
        review: z.strictObject({ by: z.string(), verdict: z.enum(['justified', 'unjustified']), comment: z.string() }).nullable(),
      })
      .nullable(),
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

/** A right to decide that somebody gave to somebody else. */
export const ApprovalDelegation = z
  .strictObject({
    delegation: Ulid,
    from: z.string(),
    /** Groups whose rights come with it. */
    groups: z.array(z.string()),
    to: z.string(),
    reason: z.string(),
    given: Timestamp,
    expires: Timestamp,
    revoked: Timestamp.nullable(),
  })
  .meta({ id: 'ApprovalDelegation' });
export type ApprovalDelegation = z.infer<typeof ApprovalDelegation>;

export const IdentityKind = z.enum(['oidc', 'slack', 'teams', 'name']);

/** An account, or a further name, of a person. */
export const ApprovalIdentity = z
  .strictObject({
    identity: Ulid,
    kind: IdentityKind,
    /** The issuer, the Slack team, the Microsoft tenant; empty for a name. */
    authority: z.string(),
    subject: z.string(),
    person: z.string(),
    linked: Timestamp,
    linked_by: z.string(),
  })
  .meta({ id: 'ApprovalIdentity' });
export type ApprovalIdentity = z.infer<typeof ApprovalIdentity>;

const params = z.strictObject({ approval: Ulid });
/** Text that a database can keep and a terminal can show. */
const Reason = z
  .string()
  .max(1000)
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text.replaceAll(/[\n\t]/g, '')), 'holds control characters');
const name = z.string().min(1).max(256);
/** A name that is written down: visible characters only. */
const Name = name.refine((text) => text.trim() !== '' && text.isWellFormed() && !/[\p{Cc}\p{Cs}]/u.test(text), 'is blank or holds control characters');
const preview = z.string().max(100).optional();

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
      /** `due`: one person let it run alone, and nobody has reviewed it. */
      review: z.enum(['due']).optional(),
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
      /** `preview` of what was read, for the record. */ preview,
    }),
    response: Approval,
    errors: [notFound, alreadyDecided, requestExpired, digestMismatch, fourEyes, notEligible, rightUsed, freshLogin],
  }),
  breakGlass: defineRoute({
    method: 'POST',
    path: '/v1/approvals/:approval/break-glass',
    summary: 'Let a call run alone, in an emergency.',
    description: 'For members of the groups that every rule which holds the call names for this. Nobody does so for their own call. Somebody else has to review it.',
    roles: ['approver'],
    params,
    body: z.strictObject({ reason: Reason, binding: z.string().max(100).optional(), preview }),
    response: Approval,
    errors: [notFound, alreadyDecided, requestExpired, digestMismatch, fourEyes, notEligible, freshLogin, noBreakGlass, reasonNeeded, reviewOverdue],
  }),
  review: defineRoute({
    method: 'POST',
    path: '/v1/approvals/:approval/review',
    summary: 'Review what one person let run alone.',
    roles: ['approver', 'auditor'],
    params,
    body: z.strictObject({ verdict: z.enum(['justified', 'unjustified']), comment: Reason.default('') }),
    response: Approval,
    errors: [notFound, nothingToReview, fourEyes, alreadyDecided],
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
  listDelegations: defineRoute({
    method: 'GET',
    path: '/v1/approvals/delegations',
    summary: 'List delegations.',
    description: 'Newest first. Approvers see what they gave and were given, operators and auditors see all.',
    roles: ['approver', 'auditor', 'operator'],
    query: z.strictObject({ ...pageQuery, valid: z.enum(['true', 'false']).optional() }),
    response: pageOf(ApprovalDelegation),
    errors: [],
  }),
  delegate: defineRoute({
    method: 'POST',
    path: '/v1/approvals/delegations',
    summary: 'Let somebody else decide in your place.',
    description: 'Until it expires or is taken back. They may then decide what you may decide by your own name and groups; what was delegated to you does not go with it.',
    roles: ['approver'],
    body: z.strictObject({ to: Name, expires: Timestamp, reason: Reason.default('') }),
    response: ApprovalDelegation,
    status: 201,
    errors: [delegationRefused],
  }),
  revokeDelegation: defineRoute({
    method: 'DELETE',
    path: '/v1/approvals/delegations/:delegation',
    summary: 'Take a delegation back.',
    description: 'For the person who gave it, the person who has it, and operators. Votes that were cast stay.',
    roles: ['approver', 'operator'],
    params: z.strictObject({ delegation: Ulid }),
    errors: [notFound, notYours],
  }),
  listIdentities: defineRoute({
    method: 'GET',
    path: '/v1/approvals/identities',
    summary: 'List linked accounts and names.',
    roles: ['auditor', 'operator'],
    query: z.strictObject({ ...pageQuery, person: name.optional(), kind: IdentityKind.optional() }),
    response: pageOf(ApprovalIdentity),
    errors: [],
  }),
  linkIdentity: defineRoute({
    method: 'POST',
    path: '/v1/approvals/identities',
    summary: 'Link an account or a further name to a person.',
    description: 'All that is linked to one person is one person when approvers are counted and when nobody may decide the own call. Linking again changes nothing.',
    roles: ['operator'],
    body: z
      .strictObject({ kind: IdentityKind, authority: z.string().max(256).default(''), subject: Name, person: Name })
      .refine(({ kind, authority }) => (kind === 'name') === (authority === ''), { path: ['authority'], message: 'a name has none; an account has its issuer or team' }),
    response: ApprovalIdentity,
    errors: [identityTaken],
  }),
  unlinkIdentity: defineRoute({
    method: 'DELETE',
    path: '/v1/approvals/identities/:identity',
    summary: 'Unlink an account or name.',
    description: 'Not of oneself: nobody makes two people of one for their own call.',
    roles: ['operator'],
    params: z.strictObject({ identity: Ulid }),
    errors: [notFound, fourEyes],
  }),
};
