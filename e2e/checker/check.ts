/**
 * Compares four witnesses after a run: what the upstream saw, what clients got, the raw log, and the audit's database.
 * It shares no code with the services: it reads the log's JSON and opens sealed arguments with its own few lines (open.ts).
 * The ids are those of the invariants in docs/explanation/guarantees.md.
 */
export interface Witnesses {
  /** Every call that reached the upstream, by the marker that its arguments carried. */
  readonly upstream: readonly { readonly marker: string; readonly at: number }[];
  /**
   * What each client call came to: the marker it sent, and `result` with the call id of its receipt and the digest of the content
   * that it got, `refused`, or `unknown` (a time-out or a broken connection).
   */
  readonly clients: readonly { readonly marker: string; readonly got: 'result' | 'refused' | 'unknown'; readonly call?: string; readonly content?: string }[];
  readonly log: readonly { readonly topic: string; readonly partition: number; readonly offset: number; readonly key: string; readonly value: string | null }[];
  /** Rows of the audit: one for each call. */
  readonly database: readonly { readonly call: string; readonly status: string }[];
  /** Opens the arguments of an intent and finds the marker in them. */
  readonly markerOf: (sealedArguments: unknown) => string | undefined;
  /** Opens a recorded result and digests its content as the clients did. */
  readonly contentOf: (sealedResult: unknown) => string | undefined;
}

export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7';
  readonly what: string;
}

interface LoggedEvent {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly where: string;
  readonly order: number;
  readonly instance: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly time: string;
  readonly data: Record<string, unknown>;
}

const intents = new Set(['call.admitted', 'call.held', 'call.refused']);
const terminals = new Set(['call.refused', 'call.completed', 'call.failed', 'call.outcome.lost', 'call.aborted', 'call.denied']);

export function check(witnesses: Witnesses): Violation[] {
  const violations: Violation[] = [];
  const report = (invariant: Violation['invariant'], what: string): void => void violations.push({ invariant, what });
  const records = parse(witnesses, report);
  const calls = groupByCall(onlyFirst(records));

  checkCalls(calls, report);
  checkUpstream(witnesses, calls, report);
  checkClients(witnesses, calls, report);
  checkDatabase(witnesses, calls, report);
  checkChains(records, report);
  return violations;
}

type Report = (invariant: Violation['invariant'], what: string) => void;
type Calls = ReadonlyMap<string, readonly LoggedEvent[]>;

/** Everything that is chained, in the order of the log. */
function parse(witnesses: Witnesses, report: Report): LoggedEvent[] {
  const events: LoggedEvent[] = [];
  for (const record of [...witnesses.log].sort((a, b) => a.offset - b.offset)) {
    if (record.value === null || record.topic.startsWith('customhouse.state.') || record.topic.startsWith('customhouse.audit.')) continue;
    const where = `${record.topic}/${record.partition}@${record.offset}`;
    let envelope: Record<string, unknown>;
    try {
      envelope = JSON.parse(record.value) as Record<string, unknown>;
    } catch {
      report('I4', `${where} is not JSON`);
      continue;
    }
    events.push({
      id: String(envelope['id']),
      type: String(envelope['type'])
        .replace(/^customhouse\./, '')
        .replace(/\.v\d+$/, ''),
      key: record.key,
      where,
      order: record.offset,
      instance: String(envelope['instance']),
      epoch: String(envelope['epoch']),
      sequence: Number(envelope['sequence']),
      time: String(envelope['time']),
      data: envelope['data'] as Record<string, unknown>,
    });
  }
  return events;
}

/** Each id once: whoever was not told that the log has an event sends it again, perhaps as another process. */
function onlyFirst(records: readonly LoggedEvent[]): LoggedEvent[] {
  const seen = new Set<string>();
  return records.filter(({ id }) => !seen.has(id) && seen.add(id));
}

function groupByCall(events: readonly LoggedEvent[]): Calls {
  const calls = new Map<string, LoggedEvent[]>();
  for (const event of events) {
    if (!event.type.startsWith('call.')) continue;
    const call = String(event.data['call']);
    const list = calls.get(call);
    if (list) list.push(event);
    else calls.set(call, [event]);
  }
  return calls;
}

/** I3: exactly one terminal. I4: no terminal without an intent. I5: the intent first, and all of a call in one partition. */
function checkCalls(calls: Calls, report: Report): void {
  for (const [call, events] of calls) {
    const names = events.map((event) => event.type).join(', ');
    const begun = events.filter((event) => intents.has(event.type));
    const ended = events.filter((event) => terminals.has(event.type));
    // An aborted call may be one whose intent never made it into the log.
    if (begun.length === 0 && !(ended.length === 1 && ended[0]!.type === 'call.aborted')) report('I4', `call ${call} has no intent: ${names}`);
    if (begun.length > 1) report('I4', `call ${call} has ${begun.length} intents: ${names}`);
    if (ended.length !== 1) report('I3', `call ${call} has ${ended.length} terminal events: ${names}`);
    if (begun.length === 1 && !intents.has(events[0]!.type)) report('I5', `call ${call} does not begin with its intent: ${names}`);
    if (new Set(events.map((event) => event.key)).size > 1) report('I5', `call ${call} is spread over several keys`);
  }
}

/** I1: what the upstream saw was admitted, or held and dispatched, before. */
function checkUpstream(witnesses: Witnesses, calls: Calls, report: Report): void {
  const permitted = new Map<string, { count: number; call: string }>();
  for (const [call, events] of calls) {
    const intent = events.find((event) => intents.has(event.type));
    if (!intent) continue;
    const runs = intent.type === 'call.admitted' || events.some((event) => event.type === 'call.dispatched');
    if (!runs) continue;
    const marker = witnesses.markerOf(intent.data['arguments']);
    if (marker !== undefined) permitted.set(marker, { count: (permitted.get(marker)?.count ?? 0) + 1, call });
  }
  const seen = new Map<string, number>();
  for (const { marker } of witnesses.upstream) seen.set(marker, (seen.get(marker) ?? 0) + 1);
  for (const [marker, times] of seen) {
    const may = permitted.get(marker);
    if (!may) report('I1', `the upstream saw ${marker}, and no intent permits it`);
    else if (times > may.count) report('I1', `the upstream saw ${marker} ${times} times for ${may.count} intents (call ${may.call})`);
  }
}

/** I2: a reply that a client got is in the log as completed, for this very call, with this very content. */
function checkClients(witnesses: Witnesses, calls: Calls, report: Report): void {
  const saw = new Set(witnesses.upstream.map((row) => row.marker));
  for (const client of witnesses.clients) {
    if (client.got === 'refused' && saw.has(client.marker)) report('I1', `${client.marker} was refused to its client and still reached the upstream`);
    if (client.got !== 'result') continue;
    const events = client.call === undefined ? undefined : calls.get(client.call);
    const completed = events?.find((event) => event.type === 'call.completed');
    if (!events) report('I2', `the client of ${client.marker} got a result for call ${client.call}, which is not in the log`);
    else if (!completed) report('I2', `call ${client.call} was answered and is recorded as ${events.map((event) => event.type).join(', ')}`);
    else if (witnesses.markerOf(events[0]!.data['arguments']) !== client.marker)
      report('I2', `the receipt of ${client.marker} names call ${client.call}, whose arguments are others`);
    else if (witnesses.contentOf(completed.data['result']) !== client.content) report('I2', `the client of ${client.marker} got another result than call ${client.call} records`);
  }
}

const statusOf: Record<string, string> = {
  'call.refused': 'refused',
  'call.completed': 'completed',
  'call.failed': 'failed',
  'call.outcome.lost': 'lost',
  'call.aborted': 'aborted',
  'call.denied': 'denied',
};

/** I6: the database holds what the log says: a row for each call with its first terminal, and no others. */
function checkDatabase(witnesses: Witnesses, calls: Calls, report: Report): void {
  const rows = new Map(witnesses.database.map((row) => [row.call, row.status]));
  for (const [call, events] of calls) {
    if (!events.some((event) => intents.has(event.type))) continue;
    const terminal = events.find((event) => terminals.has(event.type));
    const expected = terminal ? statusOf[terminal.type] : undefined;
    if (!rows.has(call)) report('I6', `call ${call} is in the log and not in the database`);
    else if (expected !== undefined && rows.get(call) !== expected) report('I6', `call ${call} is ${expected} in the log and ${rows.get(call)} in the database`);
  }
  for (const call of rows.keys()) if (!calls.has(call)) report('I6', `call ${call} is in the database and not in the log`);
}

/** I7: the sequences of an epoch are contiguous from 1, or a later epoch of the instance says what was lost. */
function checkChains(events: readonly LoggedEvent[], report: Report): void {
  const chains = new Map<string, Map<number, string>>();
  const explained = new Set<string>();
  for (const event of events) {
    const name = `${event.instance} ${event.epoch}`;
    const chain = chains.get(name) ?? new Map<number, string>();
    const other = chain.get(event.sequence);
    if (other !== undefined && other !== event.id) report('I7', `sequence ${event.sequence} of ${name} is there twice (${event.where})`);
    chain.set(event.sequence, event.id);
    chains.set(name, chain);
    const previous = event.type === 'source.started' ? (event.data['previous'] as { epoch: string } | null) : null;
    if (previous) explained.add(`${event.instance} ${previous.epoch}`);
  }
  for (const [name, chain] of chains) {
    const highest = Math.max(...chain.keys());
    if (chain.size !== highest && !explained.has(name)) report('I7', `${name} has ${chain.size} events for sequences up to ${highest}, and nothing explains the gap`);
  }
}
