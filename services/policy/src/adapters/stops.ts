import { Injectable } from '@nestjs/common';
import { stopLifted, stopOrdered, stopPublished } from '@customhouse/events/policy/events';
import type { NewEvent } from '@customhouse/event-log/sink';
import { Outbox } from '@customhouse/event-store/outbox';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams, type StreamEvent } from '@customhouse/event-store/streams';
import { stopKey, type Stop, type StopTarget } from '@customhouse/policy-contract/stops';
import { decide, evolve, initial, type Command, type StopEvent } from '../domain/stop.js';
import type { StopRow } from './stops-view.js';

/** Everything about the policy is told in one order. */
const key = 'policy';
const topic = stopPublished.topic;

/** The stops: their streams, the view, and what every ingress follows are written together in the caller's transaction. */
@Injectable()
export class Stops {
  private readonly streams = new Streams();
  private readonly outbox = new Outbox();

  /** Orders or lifts a stop. False when nothing changed by that. Throws LiftRefused. */
  async act(tx: Tx, command: Command): Promise<boolean> {
    await oneAtATime(tx);
    const stream = streamOf(command.target);
    const { version, events: past } = await this.streams.load(tx, stream);
    const events = decide(command, past.map(toStopEvent).reduce(evolve, initial));
    await this.streams.append(tx, stream, version, events.map(toNewEvent));
    for (const event of events) await this.publish(tx, event);
    return events.length > 0;
  }

  /** Makes the topic say what the view says, given the keys of stops that the topic has. False when it says so already. */
  async publishAgain(tx: Tx, present: ReadonlySet<string>): Promise<boolean> {
    await oneAtATime(tx);
    const rows = await rowsOf<StopRow>(tx, 'select * from stops');
    const wanted = new Set(rows.map(stopKey));
    const missing = rows.filter((row) => !present.has(stopKey(row)));
    const left = [...present].filter((one) => !wanted.has(one));
    await this.outbox.publish(tx, missing.map(toPublished));
    await this.outbox.remove(tx, topic, left);
    return missing.length + left.length > 0;
  }

  private async publish(tx: Tx, { type, data }: StopEvent): Promise<void> {
    if (type === 'policy.stop.lifted') {
      await tx.query('delete from stops where kind = $1 and name = $2', [data.kind, data.name]);
      return this.outbox.remove(tx, topic, [stopKey(data)]);
    }
    const values = [data.kind, data.name, data.reason, data.by];
    const [row] = await rowsOf<StopRow>(tx, 'insert into stops (kind, name, reason, ordered_by, since) values ($1, $2, $3, $4, clock_timestamp()) returning *', values);
    await this.outbox.publish(tx, [toPublished(row!)]);
  }
}

function streamOf({ kind, name }: StopTarget): string {
  return `stop-${kind}-${name}`;
}

function toNewEvent({ type, data }: StopEvent): NewEvent {
  const declaration = type === 'policy.stop.ordered' ? stopOrdered : stopLifted;
  return { declaration, subject: streamOf(data), key, data };
}

function toStopEvent({ type, data }: StreamEvent): StopEvent {
  if (type !== stopOrdered.type && type !== stopLifted.type) throw new Error(`${type} does not belong to the stream of a stop`);
  return { type, data: data as Stop };
}

function toPublished(row: StopRow): NewEvent {
  const { kind, name, reason, ordered_by: by, since } = row;
  return { declaration: stopPublished, subject: streamOf(row), key: stopKey(row), data: { kind, name, reason, by, since: since.toISOString() } };
}

/** Until this transaction ends no other one orders or lifts anything, so the topic gets what happens to one target in its order. */
async function oneAtATime(tx: Tx): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', ['customhouse.policy.stops']);
}
