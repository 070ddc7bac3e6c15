import type { EventData } from '@customhouse/events/catalogue';
import type { requestOpened } from '@customhouse/events/approval/events';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import { approversOf, decide, evolve, initial, RequestRefused, type Command, type Evidence, type KnownRequest, type Request, type RequestEvent } from '../domain/request.js';
import { chooseDispatcher, hasEnded } from '../domain/liveness.js';
import { streamOf, toNewEvent, toPublishedState, toRequestEvent } from './events.js';
import { knownWriters } from './writers.js';

/** Group that follows the calls; its position is what the log is known up to. */
export const requestsGroup = 'approval.requests';

/** What the held event says that the view keeps beside the request. */
export interface Held {
  /** Process that wrote it. */
  readonly holder: string;
  /** Its data, as JSON. */
  readonly data: string;
  /** Id of the event. */
  readonly id: string;
}

/** What came of a command. */
export interface Acted {
  readonly state: KnownRequest;
  readonly events: readonly RequestEvent[];
  /** Unix milliseconds of the database, when it was decided. */
  readonly now: number;
  /** When the request was opened. */
  readonly opened: number;
}

interface LockedRow {
  readonly tenant: string;
  readonly holder: string;
  readonly held_partition: number;
  readonly held_offset: string;
  readonly dispatched: boolean;
  readonly barrier: string | null;
  readonly opened_ms: string;
}

type Outcome = { readonly topic: string; readonly partition: number; readonly offset: number };

/**
 * The requests of this service: one stream each, with the view row as its lock. A command is decided on the whole stream, and
 * its events, the row and what goes to the log are written in the caller's transaction.
 */
export class Requests {
  private readonly streams = new Streams();
  private readonly outbox = new Outbox();

  /** `silence_ms`: see the setting. */
  constructor(private readonly silence_ms: number) {}

  /** Opens a request for a held call. False when it exists already. */
  async open(tx: Tx, request: EventData<typeof requestOpened>, held: Held): Promise<boolean> {
    const { requester } = request;
    const sql = `
      insert into requests (approval, call, tenant, agent, person, method, server, tool, rules, reason, binding, quorum, expires, held_partition, held_offset, holder, held, status)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text[], $10, $11, $12, $13, $14, $15, $16, $17, 'open') on conflict do nothing returning approval`;
    const inserted = await rowsOf(tx, sql, [
      request.approval,
      request.call,
      ...[requester.tenant, requester.agent, requester.person, request.method, request.server, request.tool].map(storable),
      request.rules.map(storable),
      storable(request.reason),
      request.binding,
      request.quorum,
      request.expires,
      request.held.partition,
      request.held.offset,
      held.holder,
      held.data,
    ]);
    if (inserted.length === 0) return false;
    await this.act(tx, request.approval, () => ({ do: 'open', request }), { cause: held.id });
    return true;
  }

  /**
   * Lets the domain decide a command, with the database's clock as it is once nobody else is at this request; names a dispatcher
   * when that makes one due. Throws RequestRefused.
   */
  async act(
    tx: Tx,
    approval: string,
    command: (now: number, evidence: Evidence) => Command,
    options: { readonly tenant?: string; readonly cause?: string; readonly outcome?: Outcome } = {},
  ): Promise<Acted> {
    const [row] = await rowsOf<LockedRow>(
      tx,
      'select tenant, holder, held_partition, held_offset, dispatched, barrier, extract(epoch from opened) * 1000 as opened_ms from requests where approval = $1 for update',
      [approval],
    );
    // Another tenant's request does not exist for the caller.
    if (row === undefined || (options.tenant !== undefined && options.tenant !== row.tenant)) throw new RequestRefused('not-found', `there is no approval request ${approval}`);
    const now = Number((await oneRow<{ now: string }>(tx, 'select floor(extract(epoch from clock_timestamp()) * 1000) as now')).now);
    const stream = await this.streams.load(tx, streamOf(approval));
    const before = stream.events.map(toRequestEvent).reduce(evolve, initial as Request);
    const evidence = await this.evidence(tx, before, row);
    const events = [...decide(command(now, evidence), before)];
    let state = known(events.reduce(evolve, before));
    const naming = await this.name(tx, state, row, evidence, now);
    events.push(...naming);
    state = known(naming.reduce(evolve, state as Request));
    if (events.length > 0) await this.write(tx, stream.version, state, events, options);
    return { state, events, now, opened: Number(row.opened_ms) };
  }

  /** Notes that the log has a dispatch of this call. */
  async markDispatched(tx: Tx, approval: string): Promise<void> {
    await tx.query('update requests set dispatched = true where approval = $1', [approval]);
  }

  /** Takes a closed request out of the topic of states before its time: its outcome has reached the client. */
  async retire(tx: Tx, approval: string): Promise<void> {
    const retired = await rowsOf(tx, `update requests set published = false where approval = $1 and published and status = 'closed' returning approval`, [approval]);
    if (retired.length > 0) await this.outbox.remove(tx, 'customhouse.state.approvals', [approval]);
  }

  private async evidence(tx: Tx, state: Request, row: LockedRow): Promise<Evidence> {
    const held = { partition: row.held_partition, offset: Number(row.held_offset) };
    const [position] = await rowsOf<{ next_offset: string }>(tx, `select next_offset from positions where group_name = $1 and topic = 'customhouse.calls' and partition = $2`, [
      requestsGroup,
      held.partition,
    ]);
    // Everything before was folded, so a dispatch in it would be noted in the row, which is locked.
    const searched = Math.max(held.offset + 1, Number(position?.next_offset ?? 0));
    const named = state.status === 'none' ? null : state.dispatcher;
    if (named === null) return { ended: false, dispatched: row.dispatched, searched };
    const { writers, hearing } = await knownWriters(tx, this.silence_ms);
    // What a dead process wrote may not have been read yet: it counts as ended when the log was read up to where it ended.
    const read = row.barrier !== null && searched >= Number(row.barrier);
    return { ended: read && hasEnded(named, writers, hearing), dispatched: row.dispatched, searched };
  }

  private async name(tx: Tx, state: KnownRequest, row: LockedRow, evidence: Evidence, now: number): Promise<readonly RequestEvent[]> {
    if (state.status === 'open' || state.status === 'closed' || (state.dispatcher !== null && !evidence.ended)) return [];
    const { writers, hearing } = await knownWriters(tx, this.silence_ms);
    const chosen = chooseDispatcher(writers, row.holder, hearing);
    return chosen === undefined ? [] : decide({ do: 'name', instance: chosen.instance, epoch: chosen.epoch, evidence, now }, state);
  }

  private async write(
    tx: Tx,
    version: number,
    state: KnownRequest,
    events: readonly RequestEvent[],
    options: { readonly cause?: string; readonly outcome?: Outcome },
  ): Promise<void> {
    const { approval } = state.opened;
    await this.streams.append(
      tx,
      streamOf(approval),
      version,
      events.map((event) => toNewEvent(approval, event, options.cause)),
    );
    const sql = `
      update requests set
        status = $2, approvers = $3::text[], decided_by = $4::text[], decision = $5, dispatcher = $6::jsonb, terminal = $7,
        decided = case when $8 then clock_timestamp() else decided end,
        closed = case when $9 then clock_timestamp() else closed end,
        barrier = case when $10 then null else barrier end
      where approval = $1`;
    const happened = (...types: RequestEvent['type'][]): boolean => events.some((event) => types.includes(event.type));
    const decidedNow = happened('approval.request.granted', 'approval.request.denied', 'approval.request.expired', 'approval.request.cancelled');
    await tx.query(sql, [
      approval,
      state.status,
      approversOf(state).map(storable),
      state.decided_by.map(storable),
      state.decision === null ? null : storable(state.decision),
      state.dispatcher === null ? null : JSON.stringify(state.dispatcher),
      state.terminal,
      decidedNow,
      happened('approval.request.closed'),
      happened('approval.dispatcher.named', 'approval.request.expired'),
    ]);
    await this.outbox.publish(tx, [toPublishedState(state, options.outcome ?? null)]);
  }
}

function known(state: Request): KnownRequest {
  if (state.status === 'none') throw new Error('a command on a request that is not there was not refused');
  return state;
}

/** PostgreSQL's text holds no NUL and no lone surrogate; the stream has the text as it came. */
function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}
