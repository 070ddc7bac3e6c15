import type { Logger } from 'pino';
import type { EventLog } from '@customhouse/event-log/port';
import type { EventSink } from '@customhouse/event-log/sink';
import type { Policy } from '@customhouse/policy-engine/policy';
import type { IngressSettings } from '../config.js';
import type { ExternalPolicy } from '../external-policy.js';
import type { HoldDesk } from '../holds/hold-desk.js';
import type { IngressMetrics } from '../metrics.js';
import type { Catalog } from '../state/catalog.js';
import type { CallFollower } from '../state/call-follower.js';
import type { History } from '../state/history.js';
import type { Stops } from '../state/stops.js';
import type { ActiveCalls } from './active-calls.js';
import type { Sender } from './dispatch.js';
import type { Inspector } from './inspect.js';
import type { PauseWatch } from './pause-watch.js';
import type { Recorder } from './record.js';
import type { ResultCache } from './answers/result-cache.js';
import type { Turns } from './turns.js';

/** What the stages work with: made once at start (../ingress.ts), the same for every call. */
export interface Parts {
  readonly settings: IngressSettings;
  readonly log: EventLog;
  readonly sink: EventSink;
  readonly recorder: Recorder;
  readonly catalog: Catalog;
  /** The policy version in force. Throws Failure while there is none, or what is followed is too old. */
  policy(): Policy;
  /** Also has to allow what the policy in force allows. Undefined: there is none. */
  readonly external: ExternalPolicy | undefined;
  readonly stops: Stops;
  readonly history: History;
  /** Keeps the history up to date with what other processes record. */
  readonly calls: CallFollower;
  readonly inspector: Inspector;
  readonly sender: Sender;
  readonly holds: HoldDesk;
  readonly active: ActiveCalls;
  readonly pauses: PauseWatch;
  /** Of callers whose calls are decided elsewhere. */
  readonly turns: Turns;
  readonly results: ResultCache;
  readonly metrics: IngressMetrics;
  readonly logger: Logger;
}
