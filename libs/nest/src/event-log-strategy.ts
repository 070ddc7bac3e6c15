import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom, type Observable } from 'rxjs';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { Projection, type ProjectionOptions, type ProjectionScope } from '@customhouse/event-store/projection';
import type { BatchContext, EventContext } from './event-context.js';

/** Every event goes to these handlers, beside those of its type. */
const everything = '*';

/** A group that has topics but no handler would drop what it follows; a handler may only take events. */
export class UnusableConsumer extends Error {
  override readonly name = 'UnusableConsumer';
}

/**
 * Nest's event handlers over our log: one strategy a consumer group, whose name is the transport id that handlers give. Nest's own
 * transports acknowledge by message; here the position of the group moves in the transaction that the handlers write with.
 *
 * An event goes to the handlers of its type and of `*`, one after the other, in the log's order. Events without a handler are passed over.
 */
export class EventLogStrategy extends Server implements CustomTransportStrategy {
  override readonly transportId: symbol;
  /** What a handler throws comes to us instead of being logged and forgotten. */
  override readonly propagatesEventHandlerErrors = true;
  readonly projection: Projection;
  private readonly batchHandlers: MessageHandler[] = [];

  constructor(options: Omit<ProjectionOptions, 'fold'>) {
    super();
    this.transportId = Symbol.for(options.group);
    this.projection = new Projection({ ...options, fold: (events, scope) => this.fold(events, scope) });
  }

  listen(callback: (error?: unknown) => void): void {
    const problem = this.sortHandlers();
    if (problem) return callback(new UnusableConsumer(problem));
    this.projection.start();
    callback();
  }

  async close(): Promise<void> {
    await this.projection.stop();
  }

  /** There are no transport events to listen to: the state of the consumer is in /health/ready. */
  on(): void {}

  unwrap<T>(): T {
    return this.projection as T;
  }

  private sortHandlers(): string | undefined {
    const { group } = this.projection;
    if (this.messageHandlers.size === 0) return `the consumer group ${group} has no handler: is its controller in the module, and does it name Symbol.for('${group}')?`;
    for (const [pattern, handler] of this.messageHandlers) {
      if (!handler.isEventHandler) return `the consumer group ${group} has a @MessagePattern(${pattern}): there is no request and reply over the log; use @EventPattern`;
      if ((handler.extras as { batch?: unknown } | undefined)?.batch !== true) continue;
      if (pattern !== everything || handler.next) return `a batch handler takes '*' and stands alone; the consumer group ${group} has one for ${pattern}`;
      this.batchHandlers.push(handler);
    }
    for (const handler of this.batchHandlers) for (const [pattern, known] of this.messageHandlers) if (known === handler) this.messageHandlers.delete(pattern);
    return undefined;
  }

  private async fold(events: readonly StoredEvent[], scope: ProjectionScope): Promise<void> {
    if (this.batchHandlers.length > 0 && events.length > 0) {
      const context: BatchContext = scope;
      for (const handler of this.batchHandlers) await settle(handler(events, context));
    }
    if (this.messageHandlers.size === 0) return;
    for (const event of events) {
      const context: EventContext = { tx: scope.tx, afterCommit: (effect) => scope.afterCommit(effect), event, position: event.position };
      // What this program does not understand goes only to those who take everything.
      if (event.foreign === undefined) await settle(this.messageHandlers.get(event.type)?.(event, context));
      await settle(this.messageHandlers.get(everything)?.(event, context));
    }
  }
}

/** Nest answers a promise of whatever the handler returned, which may be an observable that carries its failure. */
async function settle(answer: unknown): Promise<void> {
  const result = await (answer as Promise<Observable<unknown> | unknown>);
  if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
}
