import { Timestamp, Ulid } from '@customhouse/events/envelope';
import { Effect, FiredRule } from '@customhouse/policy-contract/decision';
import { z } from 'zod';
import { pageOf, pageQuery } from './paging.js';
import { conflict, defineProblem, notFound } from './problem.js';
import { defineRoute } from './route.js';

export const badCursor = defineProblem({
  code: 'bad-cursor',
  status: 400,
  title: 'The cursor is not of this query',
  help: 'A cursor continues the query that answered it, with the same filters. Begin again without one.',
});

/**
 * How far a call has come. The first four are under way; a call has one end. `lost`: it was sent and nobody can know whether it took
 * effect. `aborted`: it was certainly never sent.
 */
export const CallStatus = z.enum(['admitted', 'held', 'dispatched', 'unknown', 'completed', 'failed', 'refused', 'denied', 'lost', 'aborted']);
export type CallStatus = z.infer<typeof CallStatus>;

/** One call, as it is known now. What its arguments and its result say is not here. Null: not known (yet). */
export const CallSummary = z
  .strictObject({
    call: Ulid,
    status: CallStatus,
    /** When the intent was recorded, by the clock of whoever recorded it. */
    time: Timestamp.nullable(),
    ended: Timestamp.nullable(),
    session: z.string().nullable(),
    tenant: z.string().nullable(),
    agent: z.string().nullable(),
    person: z.string().nullable(),
    client: z.strictObject({ name: z.string(), version: z.string() }).nullable(),
    address: z.string().nullable(),
    method: z.string().nullable(),
    /** Of what a server asks of a client (`elicitation/create`): the call in whose course it does. */
    during: Ulid.nullable(),
    server: z.string().nullable(),
    /** What the method is aimed at, by the server's own name: the tool, the prompt, the URI. */
    tool: z.string().nullable(),
    /** The name that the client used. */
    exposed: z.string().nullable(),
    definition: z.string().nullable(),
    effect: Effect.nullable(),
    /** Every rule that fired, the deciding ones first. */
    rules: z.array(FiredRule),
    policy: z.strictObject({ number: z.int(), digest: z.string() }).nullable(),
    /** Detector rules that fired on the arguments or the result while the call ran. */
    findings: z.array(z.string()),
    approval: Ulid.nullable(),
    /** The tool's own verdict, of a completed call. */
    error: z.boolean().nullable(),
    /** Why it ended as it did, when it was not completed. */
    reason: z.string().nullable(),
    upstream_ms: z.number().nullable(),
    arguments_bytes: z.int().nullable(),
    result_bytes: z.int().nullable(),
    /** What should never be in a log, kebab-case: `second-terminal`, `terminal-without-intent`, … Empty for a sound record. */
    anomalies: z.array(z.string()),
  })
  .meta({ id: 'CallSummary' });
export type CallSummary = z.infer<typeof CallSummary>;

/** What a caller may see of a sealed payload. */
export const Payload = z
  .discriminatedUnion('state', [
    z.strictObject({ state: z.literal('open'), value: z.unknown() }),
    /** Its key was destroyed: nobody can read it any more, and its digest still proves what it was. */
    z.strictObject({ state: z.literal('erased'), digest: z.string(), bytes: z.int() }),
    /** The caller has not the role `auditor`. */
    z.strictObject({ state: z.literal('sealed'), digest: z.string(), bytes: z.int() }),
    /** It does not authenticate, or its key is of another installation. */
    z.strictObject({ state: z.literal('unreadable'), digest: z.string(), bytes: z.int(), problem: z.string() }),
  ])
  .meta({ id: 'Payload' });
export type Payload = z.infer<typeof Payload>;

export const Place = z.strictObject({ topic: z.string(), partition: z.int(), offset: z.int() });

/** One event of a timeline or a tail, without what is sealed in it. */
export const EventSummary = z
  .strictObject({
    /** Grows with every event that the ledger took in: where a tail continues. */
    number: z.int(),
    id: z.string(),
    type: z.string(),
    version: z.int(),
    /** One sentence: what happened. Null for a type that this version does not know. */
    summary: z.string().nullable(),
    time: z.string(),
    /** When the log accepted it. */
    appended: Timestamp,
    subject: z.string(),
    call: z.string().nullable(),
    source: z.string(),
    instance: z.string().nullable(),
    epoch: z.string().nullable(),
    sequence: z.string().nullable(),
    position: Place,
    /** The event's data; each sealed payload is replaced by its digest and length. */
    data: z.unknown(),
  })
  .meta({ id: 'EventSummary' });
export type EventSummary = z.infer<typeof EventSummary>;

/** Everything that the log accepted before this time has been taken in. Null until the end was reached for the first time. */
const complete_until = Timestamp.nullable();

export const CallDetail = CallSummary.extend({ arguments: Payload.nullable(), result: Payload.nullable(), timeline: z.array(EventSummary), complete_until }).meta({
  id: 'CallDetail',
});
export type CallDetail = z.infer<typeof CallDetail>;

/** One line of an export of events. `event` when its JSON is canonical, so that its bytes can be made again; `bytes` (base64) otherwise. */
export const ExportedEvent = z
  .strictObject({ number: z.int(), position: Place, key: z.string(), appended: Timestamp, event: z.looseObject({}).optional(), bytes: z.base64().optional() })
  .meta({ id: 'ExportedEvent' });
export type ExportedEvent = z.infer<typeof ExportedEvent>;

export const Anomaly = z.strictObject({ id: Ulid, call: z.string(), kind: z.string(), type: z.string(), time: z.string(), position: Place }).meta({ id: 'Anomaly' });
export type Anomaly = z.infer<typeof Anomaly>;

export const Rebuild = z
  .strictObject({
    state: z.enum(['running', 'swapped', 'failed']),
    source: z.enum(['log', 'ledger']),
    started: Timestamp,
    finished: Timestamp.nullable(),
    events: z.int(),
    calls: z.int(),
    /** Whether the canonical export of the rebuilt rows was the same, byte for byte, as that of the live rows. Null while it runs. */
    equal: z.boolean().nullable(),
    /** SHA-256 (hex) over the canonical export of the rows. */
    live_hash: z.string().nullable(),
    rebuilt_hash: z.string().nullable(),
    problem: z.string().nullable(),
  })
  .meta({ id: 'Rebuild' });
export type Rebuild = z.infer<typeof Rebuild>;

export const ProjectionStatus = z
  .strictObject({
    complete_until,
    positions: z.array(z.strictObject({ topic: z.string(), partition: z.int(), next: z.int(), behind: z.int() })),
    dead_letters: z.int(),
    anomalies: z.int(),
    rebuild: Rebuild.nullable(),
  })
  .meta({ id: 'ProjectionStatus' });
export type ProjectionStatus = z.infer<typeof ProjectionStatus>;

const name = z.string().min(1).max(256);
/** Any ISO 8601 moment, in whatever zone. */
const moment = z.iso.datetime({ offset: true });

export const callFilter = {
  agent: name.optional(),
  person: name.optional(),
  server: name.optional(),
  method: name.optional().describe('The method of MCP: `tools/call`, `resources/read`, …'),
  during: Ulid.optional().describe('What servers asked of the client in the course of this call.'),
  tool: z.string().min(1).max(2048).optional().describe("The server's own name for the tool, the prompt or the resource (its URI), or the name that clients use for it."),
  session: name.optional(),
  effect: Effect.optional().describe('What the policy decided.'),
  status: CallStatus.optional(),
  rule: name.optional().describe('A policy rule that fired.'),
  text: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('Words, all of which must begin a word of the method, tool, server, agent, person, rules, reasons or messages. Arguments and results are not searched.'),
  from: moment.optional().describe('Calls from this time on.'),
  to: moment.optional().describe('Calls before this time.'),
};

const readers = ['auditor', 'operator'] as const;

export const auditRoutes = {
  search: defineRoute({
    method: 'GET',
    path: '/v1/calls',
    summary: 'Search calls.',
    description: 'Newest first. Every filter that is given must match. Pages are stable: a call that comes later does not move the others.',
    roles: readers,
    query: z.strictObject({ ...pageQuery, ...callFilter }),
    response: pageOf(CallSummary).extend({ complete_until }),
    errors: [badCursor],
  }),
  exportCalls: defineRoute({
    method: 'GET',
    path: '/v1/calls/export',
    summary: 'Export calls.',
    description: 'Oldest first, as JSON Lines, with the filters of the search.',
    roles: readers,
    query: z.strictObject(callFilter),
    response: { media: 'application/jsonl', of: CallSummary },
    errors: [],
  }),
  anomalies: defineRoute({
    method: 'GET',
    path: '/v1/calls/anomalies',
    summary: 'List events that contradict a call’s record.',
    description: 'Newest first: a second end, an end without an intent, a dispatch that nobody may have made.',
    roles: readers,
    query: z.strictObject(pageQuery),
    response: pageOf(Anomaly),
    errors: [badCursor],
  }),
  show: defineRoute({
    method: 'GET',
    path: '/v1/calls/:call',
    summary: 'Show one call: its record, its events in order, and what it carried.',
    description: 'Arguments and result are opened for the role auditor. What was erased says so.',
    roles: readers,
    params: z.strictObject({ call: Ulid }),
    response: CallDetail,
    errors: [notFound],
  }),
  exportEvents: defineRoute({
    method: 'GET',
    path: '/v1/events/export',
    summary: 'Export the ledger.',
    description: 'Every event as it is in the log, sealed payloads included, in the order in which the ledger took them in, as JSON Lines.',
    roles: ['auditor'],
    query: z.strictObject({
      topic: name.optional(),
      type: name.optional(),
      call: Ulid.optional(),
      after: z.coerce.number().int().min(0).default(0).describe('Only events with a higher number.'),
    }),
    response: { media: 'application/jsonl', of: ExportedEvent },
    errors: [],
  }),
  tail: defineRoute({
    method: 'GET',
    path: '/v1/events/tail',
    summary: 'Follow events as they come.',
    description:
      'Server-sent events whose id is the number of the event; `Last-Event-ID` or `after` continues without a gap, otherwise it begins now. Heartbeats of writers are left out.',
    roles: readers,
    query: z.strictObject({ after: z.coerce.number().int().min(0).optional(), type: name.optional().describe('`call.refused`, or `call.` for all of a context.') }),
    response: { media: 'text/event-stream', of: EventSummary },
    errors: [],
  }),
  projections: defineRoute({
    method: 'GET',
    path: '/v1/projections/calls',
    summary: 'Show how far the ledger has come, and its last rebuild.',
    roles: readers,
    response: ProjectionStatus,
    errors: [],
  }),
  rebuild: defineRoute({
    method: 'POST',
    path: '/v1/projections/calls/rebuild',
    summary: 'Make the calls anew from their events, beside the live rows, and put them in their place.',
    description: 'Answers at once; the status shows how it goes. `log` reads the log from its start, `ledger` the events that the audit service keeps.',
    roles: ['operator'],
    body: z.strictObject({ source: z.enum(['log', 'ledger']).default('log') }).prefault({}),
    response: Rebuild,
    status: 202,
    errors: [conflict],
  }),
};
