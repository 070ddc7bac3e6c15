import type { Effect, FiredRule } from '@customhouse/policy-contract/decision';
import type { CallFact, Origin } from './call-fact.js';

export type CallStatus = 'admitted' | 'held' | 'dispatched' | 'unknown' | 'completed' | 'failed' | 'refused' | 'denied' | 'lost' | 'aborted';

/** What should never be in a log. */
export type AnomalyKind = 'second-intent' | 'second-dispatch' | 'dispatch-without-hold' | 'dispatch-after-terminal' | 'second-terminal' | 'terminal-without-intent';

/** The process that answers for the end of a call, in one of its epochs. */
export interface Responsible {
  readonly instance: string;
  readonly epoch: string;
}

interface SealedFacts {
  readonly bytes: number;
  readonly digest: string;
}

/** One call, folded from its events. Folding an event twice changes nothing. */
export interface CallRecord {
  readonly call: string;
  readonly status: CallStatus;
  readonly intent: Intent | null;
  /** Id of the dispatch of a held call. */
  readonly dispatch: string | null;
  /** Who has to end the call: who admitted it, or dispatched it. Null once it has ended, and while it waits for a person. */
  readonly responsible: Responsible | null;
  readonly end: End | null;
  /** Detector rules that fired on the arguments or the result, sorted. */
  readonly findings: readonly string[];
  readonly approval: string | null;
  readonly anomalies: readonly { readonly id: string; readonly kind: AnomalyKind }[];
}

export interface Intent {
  readonly event: string;
  readonly time: string;
  readonly session: string;
  readonly tenant: string;
  readonly agent: string;
  readonly person: string;
  readonly client: { readonly name: string; readonly version: string } | null;
  readonly address: string;
  readonly method: string;
  /** Of what a server asks of a client: the call in whose course it does. */
  readonly during: string | null;
  readonly server: string;
  readonly tool: string;
  readonly exposed: string;
  readonly definition: string | null;
  readonly effect: Effect;
  readonly rules: readonly FiredRule[];
  readonly policy: { readonly number: number; readonly digest: string };
  readonly arguments: SealedFacts;
}

export interface End {
  readonly event: string;
  readonly time: string;
  readonly error: boolean | null;
  readonly reason: string | null;
  readonly upstream_ms: number | null;
  readonly result: SealedFacts | null;
}

export function initial(call: string): CallRecord {
  return { call, status: 'unknown', intent: null, dispatch: null, responsible: null, end: null, findings: [], approval: null, anomalies: [] };
}

/**
 * Takes one event into account. The first end in the log's order is the end of the call; what contradicts the record is noted as an
 * anomaly and changes nothing else. An intent that comes after an abort is none: an append whose fate was unknown may land late.
 */
export function evolve(record: CallRecord, fact: CallFact): CallRecord {
  if (isKnown(record, fact.origin.id)) return record;
  switch (fact.type) {
    case 'call.admitted':
      return withIntent(record, fact, 'admitted');
    case 'call.held':
      return withIntent({ ...record, approval: fact.data.approval.id }, fact, 'held');
    case 'call.refused':
      return withEnd(withIntent(record, fact, 'refused'), fact.origin, 'refused', { reason: fact.data.reason });
    case 'call.dispatched':
      return withDispatch(record, fact.origin);
    case 'call.completed': {
      const { error, result, upstream_ms, findings } = fact.data;
      return withEnd(withFindings(record, findings), fact.origin, 'completed', { error, result: { bytes: result.bytes, digest: result.digest }, upstream_ms });
    }
    case 'call.failed': {
      const { reason, message, result, upstream_ms } = fact.data;
      return withEnd(record, fact.origin, 'failed', { reason: `${reason}: ${message}`, result: result && { bytes: result.bytes, digest: result.digest }, upstream_ms });
    }
    case 'call.outcome.lost':
      return withEnd(record, fact.origin, 'lost', { reason: fact.data.reason });
    case 'call.aborted':
      return withEnd(record, fact.origin, 'aborted', { reason: fact.data.reason });
    case 'call.denied':
      return withEnd({ ...record, approval: record.approval ?? fact.data.approval }, fact.origin, 'denied', { reason: `${fact.data.reason}: ${fact.data.message}` });
  }
}

function isKnown(record: CallRecord, id: string): boolean {
  return record.intent?.event === id || record.dispatch === id || record.end?.event === id || record.anomalies.some((anomaly) => anomaly.id === id);
}

type IntentFact = Extract<CallFact, { type: 'call.admitted' | 'call.held' | 'call.refused' }>;

function withIntent(record: CallRecord, fact: IntentFact, status: CallStatus): CallRecord {
  if (record.intent) return withAnomaly(record, fact.origin.id, 'second-intent');
  const { data, origin } = fact;
  const intent: Intent = {
    event: origin.id,
    time: origin.time,
    session: data.session,
    tenant: data.principal.tenant,
    agent: data.principal.agent,
    person: data.principal.person,
    client: data.client,
    address: data.network.address,
    method: data.method,
    during: data.during ?? null,
    server: data.server,
    tool: data.tool,
    exposed: data.exposed,
    definition: data.definition,
    effect: data.decision.effect,
    rules: data.decision.rules,
    policy: data.decision.policy,
    arguments: { bytes: data.arguments.bytes, digest: data.arguments.digest },
  };
  const known = withFindings({ ...record, intent }, data.findings);
  // What ended already stays ended.
  if (record.end) return known;
  return { ...known, status, responsible: status === 'admitted' ? responsibleOf(origin) : null };
}

function withDispatch(record: CallRecord, origin: Origin): CallRecord {
  if (record.end) return withAnomaly(record, origin.id, 'dispatch-after-terminal');
  if (record.dispatch) return withAnomaly(record, origin.id, 'second-dispatch');
  const dispatched: CallRecord = { ...record, status: 'dispatched', dispatch: origin.id, responsible: responsibleOf(origin) };
  return record.status === 'held' ? dispatched : withAnomaly(dispatched, origin.id, 'dispatch-without-hold');
}

function withEnd(record: CallRecord, origin: Origin, status: CallStatus, details: Partial<Omit<End, 'event' | 'time'>>): CallRecord {
  // A refusal that is a second intent has been noted as that.
  if (record.anomalies.some((anomaly) => anomaly.id === origin.id)) return record;
  if (record.end) return withAnomaly(record, origin.id, 'second-terminal');
  const end: End = { event: origin.id, time: origin.time, error: null, reason: null, upstream_ms: null, result: null, ...details };
  const ended: CallRecord = { ...record, status, end, responsible: null };
  // An abort closes what was perhaps never recorded: it alone may stand for itself.
  return record.intent || status === 'aborted' ? ended : withAnomaly(ended, origin.id, 'terminal-without-intent');
}

function withFindings(record: CallRecord, findings: readonly { readonly rule: string }[]): CallRecord {
  if (findings.length === 0) return record;
  return { ...record, findings: [...new Set([...record.findings, ...findings.map((finding) => finding.rule)])].sort() };
}

function withAnomaly(record: CallRecord, id: string, kind: AnomalyKind): CallRecord {
  return { ...record, anomalies: [...record.anomalies, { id, kind }] };
}

function responsibleOf(origin: Origin): Responsible | null {
  return origin.instance !== null && origin.epoch !== null ? { instance: origin.instance, epoch: origin.epoch } : null;
}
