import { groupsOf } from '../domain/quorum.js';
import type { KnownRequest, RequestEvent } from '../domain/request.js';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import type { Notice } from './notifier.js';
import { storable } from './storable.js';

/** A notice as it waits: of each one row for every channel. */
export type QueuedNotice = Pick<Notice, 'kind' | 'about' | 'groups'> & { readonly event: string };

/** One that it is the turn of to be delivered. */
export interface ClaimedNotice {
  readonly notice: string;
  readonly approval: string;
  readonly kind: Notice['kind'];
  readonly about: Notice['about'];
  readonly groups: string[];
  readonly attempts: number;
}

/** What people have to be told of these events. `recorded`: the events as they were stored, in the same order. */
export function noticesOf(state: KnownRequest, events: readonly RequestEvent[], recorded: readonly { readonly id: string }[]): readonly QueuedNotice[] {
  const { terms } = state.opened;
  const asked = groupsOf({ ...terms, escalate: state.escalated ? terms.escalate : undefined });
  return events.flatMap((event, index): QueuedNotice[] => {
    const id = recorded[index]!.id;
    switch (event.type) {
      case 'approval.request.opened':
        return [{ event: id, kind: 'opened', about: 'decision', groups: asked }];
      case 'approval.vote.cast':
        // What decides is told as the decision.
        return state.status === 'open' ? [{ event: id, kind: 'voted', about: 'decision', groups: asked }] : [];
      case 'approval.request.reminded':
        return [{ event: id, kind: 'reminded', about: event.data.about, groups: event.data.about === 'review' ? [] : asked }];
      case 'approval.request.escalated':
        return [{ event: id, kind: 'escalated', about: 'decision', groups: event.data.groups }];
      case 'approval.request.granted':
      case 'approval.request.denied':
      case 'approval.request.expired':
      case 'approval.request.cancelled':
        return [{ event: id, kind: 'decided', about: 'decision', groups: asked }];
      case 'approval.review.completed':
        return [{ event: id, kind: 'decided', about: 'review', groups: [] }];
      default:
        return [];
    }
  });
}

/** Puts notices in line for every channel, in the caller's transaction. */
export async function queueNotices(tx: Tx, approval: string, channels: readonly string[], notices: readonly QueuedNotice[]): Promise<void> {
  for (const { event, kind, about, groups } of notices) {
    await tx.query(
      `insert into notices (notice, approval, channel, kind, about, groups)
       select $1 || '-' || channel, $2, channel, $4, $5, $6::text[] from unnest($3::text[]) as channel on conflict do nothing`,
      [event, approval, channels, kind, about, [...new Set(groups)].map(storable)],
    );
  }
}

/**
 * Takes notices whose turn it is, of each request the first that waits. Nobody else gets them for `lease_ms`; after that they count as
 * not delivered.
 */
export async function claimNotices(tx: Tx, channel: string, most: number, lease_ms: number): Promise<readonly ClaimedNotice[]> {
  const sql = `
    update notices set attempts = attempts + 1, due = clock_timestamp() + $3 * interval '1 millisecond'
    where notice in (
      select notice from notices as next
      where channel = $1 and done is null and due <= clock_timestamp()
        and not exists (select from notices as earlier where earlier.approval = next.approval and earlier.channel = next.channel and earlier.done is null and earlier.place < next.place)
      order by due limit $2 for update skip locked)
    returning notice, approval, kind, about, groups, attempts`;
  return rowsOf<ClaimedNotice>(tx, sql, [channel, most, lease_ms]);
}

/** `failure`: why it was given up; null: it was delivered. */
export async function finishNotice(tx: Tx, notice: string, failure: string | null): Promise<void> {
  await tx.query('update notices set done = clock_timestamp(), failure = $2 where notice = $1', [notice, failure === null ? null : storable(failure)]);
}

export async function delayNotice(tx: Tx, notice: string, delay_ms: number): Promise<void> {
  await tx.query(`update notices set due = clock_timestamp() + $2 * interval '1 millisecond' where notice = $1`, [notice, delay_ms]);
}
