import type { Approval } from '@customhouse/http-contract/approval';

/** How far a request is: distinct people whose approval counts, of how many, in all and of each group that has to give some. */
export interface Progress {
  readonly approved: number;
  readonly needed: number;
  readonly groups: readonly { readonly group: string; readonly approved: number; readonly needed: number }[];
}

type Asked = Pick<Approval, 'terms' | 'missing' | 'approvers'>;

export function progressOf({ terms, missing }: Asked): Progress {
  return {
    approved: terms.quorum - missing.people,
    needed: terms.quorum,
    groups: (terms.groups ?? []).map(({ group, quorum }) => ({
      group,
      approved: quorum - (missing.groups.find((other) => other.group === group)?.missing ?? quorum),
      needed: quorum,
    })),
  };
}

/** The same in words, as all places say it: `1 of 2 people have approved (bob); of finance 0 of 1`. */
export function progressText(asked: Asked): string {
  const { approved, needed, groups } = progressOf(asked);
  const who = asked.approvers.length > 0 ? ` (${asked.approvers.join(', ')})` : '';
  const inAll = needed === 1 ? `${approved} of 1 person has approved` : `${approved} of ${needed} people have approved`;
  return [`${inAll}${who}`, ...groups.map((group) => `of ${group.group} ${group.approved} of ${group.needed}`)].join('; ');
}
