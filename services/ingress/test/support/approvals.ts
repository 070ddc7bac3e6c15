import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { ApprovalState, HeldData } from '../../src/holds/hold.js';
import { eventually, type Gateway } from './gateway.js';

export type HeldEvent = StoredEvent & { data: HeldData };
export type Changes = Partial<ApprovalState> & { status: ApprovalState['status'] };

/** Says what the approval service would say about the held calls of a gateway. */
export class Approvals {
  constructor(private readonly gateway: () => Gateway) {}

  /** The held event, once there are so many. */
  async held(count = 1): Promise<HeldEvent> {
    let events: StoredEvent[] = [];
    await eventually(async () => {
      events = (await this.gateway().events()).filter((event) => event.type === 'call.held');
      return events.length === count;
    });
    return events.at(-1) as HeldEvent;
  }

  async say({ data, position }: HeldEvent, changes: Changes): Promise<void> {
    const state: ApprovalState = {
      approval: data.approval.id,
      call: data.call,
      binding: data.approval.binding,
      expires: data.approval.expires,
      reason: 'looks right',
      decided_by: ['bob@example.com'],
      held: position,
      outcome: null,
      dispatcher: null,
      ...changes,
    };
    await this.gateway().publishApproval(state);
  }

  /** A process of the gateway is named to end the call. */
  named(searched: number, changes: Partial<ApprovalState['dispatcher'] & object> = {}): NonNullable<ApprovalState['dispatcher']> {
    const { instance, epoch } = this.gateway().writer;
    return { instance, epoch, attempt: 1, searched, ...changes };
  }

  async approve(hold: HeldEvent): Promise<void> {
    await this.say(hold, { status: 'granted' });
    await this.say(hold, { status: 'dispatching', dispatcher: this.named(hold.position.offset) });
  }

  async deny(hold: HeldEvent): Promise<void> {
    await this.say(hold, { status: 'denied', reason: 'too risky', dispatcher: this.named(hold.position.offset) });
  }

  /** What the log says about a call after it was held. */
  async after(hold: HeldEvent): Promise<{ types: string[]; last: JsonObject; position: StoredEvent['position'] }> {
    const events = (await this.gateway().events()).filter((event) => (event.data as JsonObject)['call'] === hold.data.call).slice(1);
    return { types: events.map((event) => event.type), last: events.at(-1)?.data as JsonObject, position: events.at(-1)?.position as StoredEvent['position'] };
  }

  /** Waits until the call has ended, and says so. */
  async close(hold: HeldEvent, end: string): Promise<void> {
    await eventually(async () => (await this.after(hold)).types.includes(end));
    const { position } = await this.after(hold);
    await this.say(hold, { status: 'closed', outcome: position });
  }
}
