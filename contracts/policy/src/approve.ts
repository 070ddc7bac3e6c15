import { z } from 'zod';

const Quorum = z.int().min(1).max(20);
const Seconds = z.int().min(1).max(604_800);
/** Names are compared whole here, without stars: those who have them are counted and written to. */
const Name = z.string().min(1).max(200);
const Names = z.array(Name).min(1, 'leave the field out instead of giving an empty list').max(1000);

export const Approvers = z
  .strictObject({
    people: Names.optional().describe('Names of people, whole.'),
    groups: Names.optional().describe('Names of groups, whole.'),
  })
  .refine((approvers) => approvers.people !== undefined || approvers.groups !== undefined, 'name people, groups or both')
  .describe('Only these may approve: people who are named, and members of groups that are named.');
export type Approvers = z.infer<typeof Approvers>;

export const GroupQuorum = z.strictObject({
  group: Name,
  quorum: Quorum.default(1).describe('How many of its members must be among those who approve.'),
});
export type GroupQuorum = z.infer<typeof GroupQuorum>;

const optional = {
  groups: z.array(GroupQuorum).min(1).max(20).optional().describe('So many of the people who approve must be of this group; nobody stands for two groups.'),
  fresh_login: z.boolean().optional().describe('Whoever approves must have logged in for this very decision. It is then decided in the browser, not in a chat.'),
  requester_confirms: z
    .boolean()
    .optional()
    .describe(
      'The person who asked may confirm the call: four eyes are not asked for. With a fresh login in the browser, or by a key that is not that of the agent; never through the agent. Left out: nobody decides about a call of their own.',
    ),
  remind_s: Seconds.optional().describe('After so many seconds without a decision those who were asked are reminded, and then again each time.'),
  escalate: z
    .strictObject({ after_s: Seconds, groups: Names })
    .optional()
    .describe('After so many seconds without a decision these groups may decide as well, in the place of any other group.'),
  break_glass: z
    .strictObject({ groups: Names })
    .optional()
    .describe('In an emergency one member of these groups may grant alone, with a reason, and the grant has to be reviewed afterwards. Left out: nobody may.'),
};

/** What a rule that holds a call asks of the approvers. */
export const Approve = z
  .strictObject({
    quorum: Quorum.default(1).describe('How many distinct people must approve.'),
    expires_s: Seconds.default(3600).describe('After this many seconds without a decision the call is denied.'),
    approvers: Approvers.optional(),
    ...optional,
  })
  .superRefine((approve, context) => {
    const named = new Set<string>();
    for (const [index, { group }] of (approve.groups ?? []).entries()) {
      if (named.has(group)) context.addIssue({ code: 'custom', path: ['groups', index, 'group'], message: `the group "${group}" is named twice` });
      named.add(group);
    }
    for (const [name, after_s] of [
      ['remind_s', approve.remind_s],
      ['escalate', approve.escalate?.after_s],
    ] as const)
      if (after_s !== undefined && after_s >= approve.expires_s)
        context.addIssue({ code: 'custom', path: [name], message: `is not before the request expires (expires_s: ${approve.expires_s})` });
  });
export type Approve = z.infer<typeof Approve>;

/**
 * What all rules that hold a call ask together: the strictest of each field. The highest quorum, the shortest expiry and reminder, a fresh login if
 * any rule wants one, the group quorums of all (the higher one where a group is named twice). What makes approving easier counts as far as all
 * agree: the person who asked may confirm if every rule says so (four eyes beat that), break-glass for groups that every rule names, and escalation to groups that every rule with `approvers` or `groups` names, after the
 * longest time that any says.
 */
export const ApprovalTerms = z.strictObject({
  quorum: Quorum,
  expires_s: Seconds,
  /** Whoever approves must be among each of these: one entry for every rule that says who. Absent: everybody who may decide at all. */
  approvers: z.array(Approvers).min(1).optional(),
  ...optional,
});
export type ApprovalTerms = z.infer<typeof ApprovalTerms>;
