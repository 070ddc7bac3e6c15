import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { callAdmitted, callCompleted, callFailed, callHeld, callRefused, terminalCallEvents } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import type { Sealed } from '@customhouse/events/envelope';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import type { Json } from '@customhouse/kernel/canonical';
import type { EventContext } from '@customhouse/nest/event-context';
import { SEALER } from '@customhouse/nest/tokens';
import { KeyDestroyed, KeyForeign, SealBroken, type Sealer } from '@customhouse/sealing/sealer';
import { SCANNER_SETTINGS, type ScannerSettings } from '../config.js';
import { Findings, named, type Subject } from './findings.js';
import { FindingMetrics } from './metrics.js';

export const callsGroup = 'scanner.calls';

type Intent = EventData<typeof callAdmitted> | EventData<typeof callHeld> | EventData<typeof callRefused>;
type Ended = { call: string; result?: Sealed | null };

const intents: ReadonlySet<string> = new Set([callAdmitted.type, callHeld.type, callRefused.type]);
const ends: ReadonlySet<string> = new Set(terminalCallEvents.map((declaration) => declaration.type));
const withResult: ReadonlySet<string> = new Set([callCompleted.type, callFailed.type]);

/** Looks through what was sent and what came back, after the fact: nobody waits for it. */
@Controller()
export class CallsConsumer {
  constructor(
    @Inject(SCANNER_SETTINGS) private readonly settings: ScannerSettings,
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(Findings) private readonly findings: Findings,
    @Inject(FindingMetrics) private readonly metrics: FindingMetrics,
  ) {}

  @EventPattern<string>('*', Symbol.for(callsGroup))
  async onCall(@Payload() event: StoredEvent, @Ctx() context: EventContext): Promise<void> {
    if (!this.settings.calls || event.foreign !== undefined) return;
    if (intents.has(event.type)) await this.onIntent(event as StoredEvent<Intent>, context);
    if (ends.has(event.type)) await this.onEnd(event as StoredEvent<Ended>, context);
  }

  private async onIntent(event: StoredEvent<Intent>, context: EventContext): Promise<void> {
    const { call, server, tool } = event.data;
    if (event.type !== callRefused.type)
      await rowsOf(context.tx, 'insert into calls_under_way (call, server, tool, begun) values ($1, $2, $3, clock_timestamp()) on conflict (call) do nothing', [
        call,
        named(server),
        named(tool),
      ]);
    await this.look(event.id, call, 'arguments', event.data.arguments, { server, tool }, context);
    if (event.data.extra) await this.look(event.id, call, 'arguments', event.data.extra, { server, tool }, context);
  }

  private async onEnd(event: StoredEvent<Ended>, context: EventContext): Promise<void> {
    const { call, result } = event.data;
    const [subject] = await rowsOf<Subject>(context.tx, 'delete from calls_under_way where call = $1 returning server, tool', [call]);
    if (withResult.has(event.type) && result) await this.look(event.id, call, 'result', result, subject ?? { server: null, tool: null }, context);
    await this.forget(context.tx);
  }

  private async look(cause: string, call: string, part: 'arguments' | 'result', sealed: Sealed, subject: Subject, context: EventContext): Promise<void> {
    const value = await this.open(sealed, context);
    if (value !== undefined) await this.findings.lookAt(context.tx, { kind: 'call', call, part }, subject, value, cause, (effect) => context.afterCommit(effect));
  }

  /** What cannot be opened is counted and passed over: an erased person's data are nobody's to look at. */
  private async open(sealed: Sealed, context: EventContext): Promise<Json | undefined> {
    try {
      return JSON.parse(await this.sealer.open(sealed)) as Json;
    } catch (error) {
      if (!(error instanceof KeyDestroyed || error instanceof KeyForeign || error instanceof SealBroken)) throw error;
      context.afterCommit(() => this.metrics.unopened(error.name));
      return undefined;
    }
  }

  /** A call whose outcome never came leaves a row behind; at most a few go at a time, so that no commit gets slow. */
  private async forget(tx: Tx): Promise<void> {
    await rowsOf(
      tx,
      `delete from calls_under_way where call in
        (select call from calls_under_way where begun < clock_timestamp() - make_interval(secs => $1) order by begun limit 10 for update skip locked)`,
      [this.settings.forget_ms / 1000],
    );
  }
}
