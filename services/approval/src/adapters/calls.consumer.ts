import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { Logger } from 'pino';
import { bindingText } from '@customhouse/events/call/binding';
import { callDispatched, callHeld, callOutcomeCollected, callWithdrawn, terminalCallEvents } from '@customhouse/events/call/events';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import type { BatchContext } from '@customhouse/nest/event-context';
import { LOGGER, SEALER } from '@customhouse/nest/tokens';
import type { Sealer } from '@customhouse/sealing/sealer';
import { system } from '../domain/decide.js';
import { RequestRefused } from '../domain/request.js';
import { Requests, requestsGroup } from './requests.js';
import { RequestMetrics } from './metrics.js';

const terminals: ReadonlySet<string> = new Set(terminalCallEvents.map((declaration) => declaration.type));

/** Follows the calls: a held one opens a request, a dispatch is noted, one that its client withdrew is cancelled, the end of a call closes its request, and once its outcome was collected nobody needs its state any more. */
@Controller()
export class CallsConsumer {
  constructor(
    @Inject(Requests) private readonly requests: Requests,
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(RequestMetrics) private readonly metrics: RequestMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Takes whole batches: nearly all calls are none of ours, and one look-up says which. */
  @EventPattern<string>('*', Symbol.for(requestsGroup), { batch: true })
  async onCalls(@Payload() events: readonly StoredEvent[], @Ctx() context: BatchContext): Promise<void> {
    const ours = await requestsBehind(context.tx, events);
    for (const event of events) {
      const held = event.type === callHeld.type;
      if (held && event.foreign !== undefined) throw new Error(`${event.envelope.type} is newer than this software: the call waits until it is upgraded or expires`);
      if (held) ours.set(callOf(event) ?? '', await this.open(event, context));
      else if (event.type === callOutcomeCollected.type) await this.requests.retire(context.tx, (event.data as { readonly approval: string }).approval);
      else {
        const approval = ours.get(callOf(event) ?? '');
        if (approval !== undefined) await this.goOn(approval, event, context);
      }
    }
  }

  /** Answers the id of the request. */
  private async open(event: StoredEvent, context: BatchContext): Promise<string> {
    const held = callHeld.schema.parse(event.data);
    const { tenant, agent, person, owner = null, delegation = [] } = held.principal;
    const holding = held.decision.rules.filter((rule) => rule.effect === 'hold');
    const { id, binding, quorum, expires } = held.approval;
    const terms = held.decision.obligations.approve;
    if (terms?.quorum !== quorum) throw new Error('the held call does not say what its approval takes');
    const requester = { tenant, agent, person, owner, actors: delegation.map(({ actor }) => actor) };
    const { call, method, server, tool } = held;
    const request = {
      ...{ approval: id, call, binding, requester, method, server, tool, terms, expires, held: event.position },
      rules: holding.map((rule) => rule.id),
      reason: holding.map((rule) => rule.reason).join(' '),
    };
    const opened = await this.requests.open(context.tx, request, { holder: event.envelope.instance ?? '', data: JSON.stringify(held), id: event.id });
    if (opened && this.sealer.digest(bindingText(held)) !== binding) {
      // Nobody may be asked about a call that does not fit what the request says of it.
      await this.requests.act(context.tx, id, () => ({ do: 'reject', reason: 'digest-mismatch: the held call does not fit its binding' }), { cause: event.id });
      context.afterCommit(() =>
        this.logger.error(
          { approval: id, call },
          'a held call does not fit its binding; its request was denied. When every call is: does this process have the key file of the ingress?',
        ),
      );
    }
    if (opened) context.afterCommit(() => this.metrics.opened());
    return id;
  }

  /** Its client gave the call up. Once the request was decided against it, or a process was told to run it, that comes too late. */
  private async withdraw(approval: string, event: StoredEvent, context: BatchContext): Promise<void> {
    try {
      const acted = await this.requests.act(
        context.tx,
        approval,
        ({ now }) => ({ do: 'cancel', by: { agent: null, person: system }, operator: true, links: new Map(), reason: 'its client withdrew the call', now }),
        { cause: event.id },
      );
      context.afterCommit(() => this.metrics.acted(acted));
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
    }
  }

  private async goOn(approval: string, event: StoredEvent, context: BatchContext): Promise<void> {
    if (event.type === callDispatched.type) await this.requests.markDispatched(context.tx, approval);
    else if (event.type === callWithdrawn.type) await this.withdraw(approval, event, context);
    else if (terminals.has(event.type)) {
      const acted = await this.requests.act(context.tx, approval, () => ({ do: 'close', terminal: event.type }), { cause: event.id, outcome: event.position });
      context.afterCommit(() => this.metrics.acted(acted));
    }
  }
}

/** Requests of the calls that these events go on with, by call. */
async function requestsBehind(tx: Tx, events: readonly StoredEvent[]): Promise<Map<string, string>> {
  const calls = events.filter((event) => terminals.has(event.type) || event.type === callDispatched.type || event.type === callWithdrawn.type).map(callOf);
  if (calls.length === 0) return new Map();
  const rows = await rowsOf<{ approval: string; call: string }>(tx, `select approval, call from requests where call = any($1::text[]) and status <> 'closed'`, [
    calls.map((call) => call ?? ''),
  ]);
  return new Map(rows.map((row) => [row.call, row.approval]));
}

function callOf(event: StoredEvent): string | undefined {
  const { call } = event.data as { call?: unknown };
  return typeof call === 'string' ? call : undefined;
}
