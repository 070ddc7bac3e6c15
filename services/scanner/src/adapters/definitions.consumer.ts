import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { EventData } from '@customhouse/events/catalogue';
import { toolDiscovered, toolDrifted } from '@customhouse/events/registry/events';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { Json } from '@customhouse/kernel/canonical';
import type { EventContext } from '@customhouse/nest/event-context';
import { Findings } from './findings.js';

export const definitionsGroup = 'scanner.definitions';

/** Vets every definition that a server ever offered, also one that was never accepted. */
@Controller()
export class DefinitionsConsumer {
  constructor(@Inject(Findings) private readonly findings: Findings) {}

  @EventPattern<string>(toolDiscovered.type, Symbol.for(definitionsGroup))
  onDiscovered(@Payload() event: StoredEvent<EventData<typeof toolDiscovered>>, @Ctx() context: EventContext): Promise<void> {
    return this.vet(event, context);
  }

  @EventPattern<string>(toolDrifted.type, Symbol.for(definitionsGroup))
  onDrifted(@Payload() event: StoredEvent<EventData<typeof toolDrifted>>, @Ctx() context: EventContext): Promise<void> {
    return this.vet(event, context);
  }

  private vet(event: StoredEvent<EventData<typeof toolDiscovered>>, context: EventContext): Promise<void> {
    const { server, tool, digest, definition } = event.data;
    const about = { kind: 'definition', server, tool, definition: digest } as const;
    return this.findings.lookAt(context.tx, about, { server, tool }, definition as Json, event.id, (effect) => context.afterCommit(effect));
  }
}
