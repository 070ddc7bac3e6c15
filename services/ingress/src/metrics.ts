import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Call } from './mcp/call.js';

/** What can be read off a gauge at any time. */
export interface Levels {
  calls(): number;
  waiting(): number;
  holds(): number;
  stops(): number;
  sessions(): number;
  streams(): number;
  asks(): number;
  unrecorded(): number;
  staleness_s(): number;
}

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** Rules of decisions that no policy made. */
const undecided: ReadonlySet<string> = new Set(['policy-busy', 'policy-error', 'policy-input-too-large', 'policy-timeout']);

/** What the ingress counts. Labels are few and never come from callers: server names are registered ones. */
export class IngressMetrics {
  readonly failures: Counter<'rule'>;
  readonly connectionsRefused: Counter;
  readonly #undecided: Counter<'rule'>;
  readonly #calls: Counter<'server' | 'method' | 'effect'>;
  readonly #duration: Histogram<'server'>;

  constructor(registry: Registry, levels: Levels) {
    const registers = [registry];
    this.#calls = new Counter({ name: 'customhouse_ingress_calls_total', help: 'Calls by server, method and decision.', labelNames: ['server', 'method', 'effect'], registers });
    this.#duration = new Histogram({ name: 'customhouse_ingress_call_seconds', help: 'From arrival to reply.', labelNames: ['server'], buckets: seconds, registers });
    this.failures = new Counter({
      name: 'customhouse_ingress_failures_total',
      help: 'Requests that were answered with an error of the gateway, by rule.',
      labelNames: ['rule'],
      registers,
    });
    this.#undecided = new Counter({
      name: 'customhouse_ingress_undecided_total',
      help: 'Calls that were refused because the policy gave no decision on them, by rule.',
      labelNames: ['rule'],
      registers,
    });
    this.connectionsRefused = new Counter({ name: 'customhouse_ingress_connections_refused_total', help: 'Connections beyond the limit.', registers });
    const gauge = (name: string, help: string, level: () => number): void => {
      new Gauge({
        name: `customhouse_ingress_${name}`,
        help,
        registers,
        collect: function (this: Gauge) {
          this.set(level());
        },
      });
    };
    gauge('calls_in_flight', 'Calls that have no reply yet, those that wait for a person left out.', levels.calls);
    gauge('held_waiting', 'Requests that wait for a person.', levels.waiting);
    gauge('holds', 'Held calls that are known.', levels.holds);
    gauge('stops', 'Stops in force that this process knows of.', levels.stops);
    gauge('remembered_sessions', 'Sessions of which it is known what they have done.', levels.sessions);
    gauge('streams', 'Standing notification streams.', levels.streams);
    gauge('asks_waiting', 'Requests of servers that legacy clients have not answered yet.', levels.asks);
    gauge('unrecorded_ends', 'Ends of calls that are not in the log yet.', levels.unrecorded);
    gauge('state_staleness_seconds', 'Age of the followed state.', levels.staleness_s);
  }

  callEnded(call: Call, duration_ms: number): void {
    const server = call.served?.server ?? 'unknown';
    this.#calls.inc({ server, method: call.method, effect: call.decision?.effect ?? 'none' });
    const rule = call.decision?.rules[0]?.id;
    if (rule !== undefined && undecided.has(rule)) this.#undecided.inc({ rule });
    this.#duration.observe({ server }, duration_ms / 1000);
  }
}
