/** What is known about a process that writes to the log, from `customhouse.sources`. Milliseconds are of the database's clock. */
export interface Writer {
  readonly service: string;
  readonly instance: string;
  /** The newest epoch that was heard of. */
  readonly epoch: string;
  readonly closed: boolean;
  /** When its last sign of life was read. */
  readonly heard_ms: number;
}

export interface Hearing {
  readonly now: number;
  /** A writer is taken for dead after this long without a sign of life. */
  readonly silence_ms: number;
  /** When anything at all was last heard on the topic, our own heartbeat included. */
  readonly heard_ms: number;
}

/**
 * Whether a chain has ended: closed in order, followed by a newer epoch of the same instance, or silent. Silence counts only
 * while we hear others (ourselves at least): otherwise it is we who are deaf, and nobody is known to be dead.
 */
export function hasEnded(named: { readonly instance: string; readonly epoch: string }, writers: readonly Writer[], hearing: Hearing): boolean {
  const writer = writers.find(({ instance }) => instance === named.instance);
  if (writer === undefined) return false;
  if (isNewer(writer.epoch, named.epoch)) return true;
  if (writer.epoch === named.epoch && writer.closed) return true;
  return isSilent(writer, hearing);
}

/** The process to name: the one that holds the call where it still lives, else the one heard last. */
export function chooseDispatcher(writers: readonly Writer[], holder: string, hearing: Hearing): Writer | undefined {
  const living = writers.filter((writer) => servesCalls(writer.service) && !writer.closed && !isSilent(writer, hearing));
  return living.find(({ instance }) => instance === holder) ?? living.toSorted((one, other) => other.heard_ms - one.heard_ms || (one.instance < other.instance ? -1 : 1))[0];
}

/** Epochs are Unix milliseconds as text. */
export function isNewer(epoch: string, than: string): boolean {
  return Number(epoch) > Number(than);
}

function isSilent(writer: Writer, hearing: Hearing): boolean {
  const listening = hearing.now - hearing.heard_ms < hearing.silence_ms / 2;
  return listening && hearing.now - writer.heard_ms >= hearing.silence_ms;
}

/** Processes that can dispatch a call: an ingress of its own, or all services in one. */
function servesCalls(service: string): boolean {
  return service === 'ingress' || service === 'customhouse';
}
