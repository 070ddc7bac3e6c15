import type { EventData } from '@customhouse/events/catalogue';
import type { requestOpened } from '@customhouse/events/approval/events';
import { Outbox } from '@customhouse/event-store/outbox';
import { oneRow, rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import { timestamp } from '@customhouse/kernel/time';
import { decide, dueAt, type Command, type Evidence } from '../domain/decide.js';
import { chooseDispatcher, hasEnded } from '../domain/liveness.js';
import { evolve, initial, RequestRefused, requestersOf, type KnownRequest, type Request, type RequestEvent } from '../domain/request.js';
import { countOf } from '../domain/voting.js';
import { streamOf, toNewEvent, toPublishedState, toRequestEvent } from './events.js';
import { noticesOf, queueNotices } from './notices.js';
import { linksOf } from './people.js';
import { storable } from './storable.js';
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

/** What a command is made of. */
export interface Facts {
  /** Unix milliseconds of the database, once nobody else is at this request. */
  readonly now: number;
  readonly evidence: Evidence;
  /** Names of people that the request speaks of. */
  readonly names: readonly string[];
}

export interface RequestsOptions {
  /** See the settings. */
  readonly silence_ms: number;
  readonly reminders: number;
  /** Ways in which people are told. */
  readonly channels: readonly string[];
}

/** What came of a command. */
export interface Acted {
  readonly state: KnownRequest;
  readonly events: readonly RequestEvent[];
  /** Unix milliseconds of the database, when it was decided. */
  readonly now: number;
}

interface LockedRow {
  readonly tenant: string;
  readonly holder: string;
  readonly held_partition: number;
  readonly held_offset: string;
  readonly dispatched: boolean;
  readonly barrier: string | null;
}

type Outcome = { readonly topic: string; readonly partition: number; readonly offset: number };

/** Events that change nothing for whoever runs the call. */
const internal: ReadonlySet<RequestEvent['type']> = new Set(['approval.vote.cast', 'approval.request.reminded', 'approval.request.escalated', 'approval.review.completed']);

/**
 * The requests of this service: one stream each, with the view row as its lock. A command is decided on the whole stream, and
 * its events, the row and what goes to the log are written in the caller's transaction.
 */
export class Requests {
  private readonly streams = new Streams();
  private readonly outbox = new Outbox();

  constructor(private readonly options: RequestsOptions) {}

  /** Opens a request for a held call. False when it exists already. */
  async open(tx: Tx, request: Omit<EventData<typeof requestOpened>, 'opened'>, held: Held): Promise<boolean> {
    const { requester, terms } = request;
    const sql = `
      insert into requests (approval, call, tenant, agent, person, owner, actors, method, server, tool, rules, reason, binding, quorum, terms, expires,
        held_partition, held_offset, holder, held, status)
      values ($1, $2, $3, $4, $5, $6, $7::text[], $8, $9, $10, $11::text[], $12, $13, $14, $15::jsonb, $16, $17, $18, $19, $20, 'open') on conflict do nothing
      returning floor(extract(epoch from opened) * 1000) as opened`;
    const [inserted] = await rowsOf<{ opened: string }>(tx, sql, [
      request.approval,
      request.call,
      ...[requester.tenant, requester.agent, requester.person].map(storable),
      requester.owner === null ? null : storable(requester.owner),
      requester.actors.map(storable),
      ...[request.method, request.server, request.tool].map(storable),
      request.rules.map(storable),
      storable(request.reason),
      request.binding,
      terms.quorum,
      asJson(terms),
      request.expires,
      request.held.partition,
      request.held.offset,
      held.holder,
      held.data,
    ]);
    if (inserted === undefined) return false;
    await this.act(tx, request.approval, () => ({ do: 'open', request: { ...request, opened: timestamp(Number(inserted.opened)) } }), { cause: held.id });
    return true;
  }

  /**
   * Lets the domain decide a command, with the database's clock as it is once nobody else is at this request; names a dispatcher
   * when that makes one due. Throws RequestRefused.
   */
  async act(
    tx: Tx,
    approval: string,
    command: (facts: Facts) => Command | Promise<Command>,
    options: { readonly tenant?: string; readonly cause?: string; readonly outcome?: Outcome } = {},
  ): Promise<Acted> {
    const [row] = await rowsOf<LockedRow>(tx, 'select tenant, holder, held_partition, held_offset, dispatched, barrier from requests where approval = $1 for update', [approval]);
    // Another tenant's request does not exist for the caller.
    if (row === undefined || (options.tenant !== undefined && options.tenant !== row.tenant)) throw new RequestRefused('not-found', `there is no approval request ${approval}`);
    const now = Number((await oneRow<{ now: string }>(tx, 'select floor(extract(epoch from clock_timestamp()) * 1000) as now')).now);
    const stream = await this.streams.load(tx, streamOf(approval));
    const before = stream.events.map(toRequestEvent).reduce(evolve, initial as Request);
    const evidence = await this.evidence(tx, before, row);
    const events = [...decide(await command({ now, evidence, names: namesIn(before) }), before)];
    let state = known(events.reduce(evolve, before));
    const naming = await this.name(tx, state, row, evidence, now);
    events.push(...naming);
    state = known(naming.reduce(evolve, state as Request));
    if (events.length > 0) await this.write(tx, stream.version, state, events, { ...options, tenant: row.tenant });
    return { state, events, now };
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
    const { writers, hearing } = await knownWriters(tx, this.options.silence_ms);
    // What a dead process wrote may not have been read yet: it counts as ended when the log was read up to where it ended.
    const read = row.barrier !== null && searched >= Number(row.barrier);
    return { ended: read && hasEnded(named, writers, hearing), dispatched: row.dispatched, searched };
  }

  private async name(tx: Tx, state: KnownRequest, row: LockedRow, evidence: Evidence, now: number): Promise<readonly RequestEvent[]> {
    if (state.status === 'open' || state.status === 'closed' || (state.dispatcher !== null && !evidence.ended)) return [];
    const { writers, hearing } = await knownWriters(tx, this.options.silence_ms);
    const chosen = chooseDispatcher(writers, row.holder, hearing);
    return chosen === undefined ? [] : decide({ do: 'name', instance: chosen.instance, epoch: chosen.epoch, evidence, now }, state);
  }

  private async write(
    tx: Tx,
    version: number,
    state: KnownRequest,
    events: readonly RequestEvent[],
    options: { readonly tenant: string; readonly cause?: string; readonly outcome?: Outcome },
  ): Promise<void> {
    const { approval } = state.opened;
    const appended = await this.streams.append(
      tx,
      streamOf(approval),
      version,
      events.map((event) => toNewEvent(approval, event, options.cause)),
    );
    await this.show(tx, state, events, options.tenant);
    if (this.options.channels.length > 0) await queueNotices(tx, approval, this.options.channels, noticesOf(state, events, appended));
    if (events.some((event) => !internal.has(event.type))) await this.outbox.publish(tx, [toPublishedState(state, options.outcome ?? null)]);
  }

  /** Brings the row up to the events. */
  private async show(tx: Tx, state: KnownRequest, events: readonly RequestEvent[], tenant: string): Promise<void> {
    const sql = `
      update requests set
        status = $2, approvers = $3::text[], missing = $4::jsonb, decided_by = $5::text[], decision = $6, dispatcher = $7::jsonb, terminal = $8,
        reminded = $9, glass = $10::jsonb, urge_at = to_timestamp($11::float8 / 1000),
        escalated = case when $12 then clock_timestamp() else escalated end,
        decided = case when $13 then clock_timestamp() else decided end,
        closed = case when $14 then clock_timestamp() else closed end,
        barrier = case when $15 then null else barrier end
      where approval = $1`;
    const happened = (...types: RequestEvent['type'][]): boolean => events.some((event) => types.includes(event.type));
    const { people, missing, groups } = countOf(state, await linksOf(tx, tenant, namesIn(state)));
    await tx.query(sql, [
      state.opened.approval,
      state.status,
      people.map(storable),
      asJson({ people: missing, groups }),
      state.decided_by.map(storable),
      state.decision === null ? null : storable(state.decision),
      state.dispatcher === null ? null : asJson(state.dispatcher),
      state.terminal,
      state.reminders.decision,
      state.glass === null ? null : asJson(state.glass),
      dueAt(state, this.options.reminders) ?? null,
      happened('approval.request.escalated'),
      happened('approval.request.granted', 'approval.request.denied', 'approval.request.expired', 'approval.request.cancelled'),
      happened('approval.request.closed'),
      happened('approval.dispatcher.named', 'approval.request.expired'),
    ]);
  }
}

/** Names of people that a request speaks of. */
function namesIn(state: Request): readonly string[] {
  if (state.status === 'none') return [];
  const { opened, votes, glass } = state;
  const voters = votes.flatMap((vote) => (vote.for === null ? [vote.by] : [vote.by, vote.for]));
  const named = (opened.terms.approvers ?? []).flatMap(({ people }) => people ?? []);
  return [...requestersOf(opened.requester), ...voters, ...named, ...(glass === null ? [] : [glass.by]), ...(glass?.review ? [glass.review.by] : [])];
}

/** Text for a column of JSON, which cannot hold what text cannot. */
function asJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === 'string' ? storable(member) : member));
}

function known(state: Request): KnownRequest {
  if (state.status === 'none') throw new Error('a command on a request that is not there was not refused');
  return state;
}
