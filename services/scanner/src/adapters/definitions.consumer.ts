import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { EventData } from '@customhouse/events/catalogue';
import { promptDiscovered, promptDrifted, resourceListed, templateListed, toolDiscovered, toolDrifted } from '@customhouse/events/registry/events';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { Json } from '@customhouse/kernel/canonical';
import type { EventContext } from '@customhouse/nest/event-context';
import type { Item } from '../look.js';
import { Findings } from './findings.js';

export const definitionsGroup = 'scanner.definitions';

/** Vets every definition that a server ever offered, also one that was never accepted. */
@Controller()
export class DefinitionsConsumer {
  constructor(@Inject(Findings) private readonly findings: Findings) {}

  @EventPattern<string>(toolDiscovered.type, Symbol.for(definitionsGroup))
  onTool(@Payload() event: StoredEvent<EventData<typeof toolDiscovered>>, @Ctx() context: EventContext): Promise<void> {
    return this.vet('tool', event.data.tool, event, context);
  }

  @EventPattern<string>(toolDrifted.type, Symbol.for(definitionsGroup))
  onDriftedTool(@Payload() event: StoredEvent<EventData<typeof toolDrifted>>, @Ctx() context: EventContext): Promise<void> {
    return this.vet('tool', event.data.tool, event, context);
  }

  @EventPattern<string>(promptDiscovered.type, Symbol.for(definitionsGroup))
  onPrompt(@Payload() event: StoredEvent<EventData<typeof promptDiscovered>>, @Ctx() context: EventContext): Promise<void> {
    return this.vet('prompt', event.data.prompt, event, context);
  }

  @EventPattern<string>(promptDrifted.type, Symbol.for(definitionsGroup))
  onDriftedPrompt(@Payload() event: StoredEvent<EventData<typeof promptDrifted>>, @Ctx() context: EventContext): Promise<void> {
    return this.vet('prompt', event.data.prompt, event, context);
  }

  @EventPattern<string>(resourceListed.type, Symbol.for(definitionsGroup))
  onResource(@Payload() event: StoredEvent<EventData<typeof resourceListed>>, @Ctx() context: EventContext): Promise<void> {
    return this.vet('resource', event.data.uri, event, context);
  }

  @EventPattern<string>(templateListed.type, Symbol.for(definitionsGroup))
  onTemplate(@Payload() event: StoredEvent<EventData<typeof templateListed>>, @Ctx() context: EventContext): Promise<void> {
    return this.vet('template', event.data.template, event, context);
  }

  private vet(
    item: Item,
    name: string,
    event: StoredEvent<{ readonly server: string; readonly digest: string; readonly definition: object }>,
    context: EventContext,
  ): Promise<void> {
    const { server, digest, definition } = event.data;
    const about = { kind: 'definition', item, server, tool: name, definition: digest } as const;
    return this.findings.lookAt(context.tx, about, { server, tool: name }, definition as Json, event.id, (effect) => context.afterCommit(effect));
  }
}
