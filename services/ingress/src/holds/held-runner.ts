import { bindingText } from '@customhouse/events/call/binding';
import type { callDenied } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import type { EventLog, Position } from '@customhouse/event-log/port';
import { LogRefused, type RecordedEvent } from '@customhouse/event-log/sink';
import type { KeyDirectory } from '@customhouse/identity/key-directory';
import { timestamp } from '@customhouse/kernel/time';
import { isJsonObject, type JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { GovernedMethod } from '@customhouse/policy-contract/methods';
import type { Decision } from '@customhouse/policy-contract/decision';
import type { Policy } from '@customhouse/policy-engine/policy';
import { KeyDestroyed, SealBroken, type Sealer } from '@customhouse/sealing/sealer';
import { admit } from '../domain/admit.js';
import { objection, type Standing } from '../domain/recheck.js';
import { Call } from '../mcp/call.js';
import { callerOf } from '../mcp/caller.js';
import { askExternal } from '../mcp/decide.js';
import type { Parts } from '../mcp/parts.js';
import { deniedReply, outcomeReply, receiptOf } from '../mcp/answers/reply.js';
import { resolveAgain } from '../mcp/resolve.js';
import { run } from '../mcp/run.js';
import { toServer } from '../mcp/asks/to-server.js';
import { questionOf } from '../mcp/judge.js';
import { knowWhatHappened } from '../mcp/what-happened.js';
import type { ApprovalState, Ending, Hold } from './hold.js';
import type { Finisher } from './hold-desk.js';
import { firstDecisive } from '../mcp/log-search.js';
import { recordedReply } from '../mcp/answers/recorded-outcome.js';
import { readEvent, readHeld, type StoredHold } from './stored-hold.js';

interface Tools {
  readonly log: EventLog;
  readonly sealer: Sealer;
  readonly keys: KeyDirectory;
  /** The tenant's development profile is on: a call that was made under it may be sent. */
  readonly development: boolean;
  now(): number;
}

type DenialReason = EventData<typeof callDenied>['reason'];

const search_ms = 5_000;

/** Ends held calls that this process was named for: sends them once, or records that they are not sent. */
export class HeldRunner implements Finisher {
  constructor(
    private readonly tools: Tools,
    private readonly parts: Parts,
  ) {}

  async finish(hold: Hold, state: ApprovalState): Promise<Ending | 'again' | 'elsewhere'> {
    const stored = await this.#tryAgain(() => readHeld(this.tools.log, hold.position));
    if (stored === 'again') return 'again';
    if (stored === undefined) throw new Error(`the log no longer holds the call of approval ${hold.approval}`);
    const call = callOf(stored, this.tools.now());
    if (state.status !== 'dispatching') return this.#deny(call, hold, state, denialOf(state));
    const opened = await this.#tryAgain(() => this.#openArguments(stored));
    // Nothing is decided while there is no policy in force.
    const policy = await this.#tryAgain(async () => this.parts.policy());
    if (opened === 'again' || policy === 'again') return 'again';
    const known = await this.#tryAgain(async () => knowWhatHappened(call, policy, this.parts));
    if (known === 'again') return 'again';
    this.#fillIn(call, stored, opened);
    const decision = await this.#decision(call, stored, policy);
    if (decision === 'again') return 'again';
    const against = this.#objection(call, stored, state, opened, decision);
    if (against !== undefined) return this.#deny(call, hold, state, against);
    return this.#dispatch(call, hold, state);
  }

  async readEnding(hold: Hold, outcome: Position): Promise<Ending> {
    const event = await readEvent(this.tools.log, outcome);
    if (event === undefined)
      return { reply: outcomeReply(hold.call, { kind: 'lost', reason: 'record-gone', message: 'the call has ended, and its record is no longer kept' }, undefined) };
    return { reply: await recordedReply({ id: hold.call, method: hold.method }, event, this.tools.sealer) };
  }

  /** A moment's trouble with the log or the keys is no reason to end a call. */
  async #tryAgain<Value>(attempt: () => Promise<Value>): Promise<Value | 'again'> {
    try {
      return await attempt();
    } catch (error) {
      this.parts.logger.warn({ error }, 'a held call cannot be ended yet; trying again');
      return 'again';
    }
  }

  /** The stored arguments; undefined when they are not what was recorded, or may no longer be read. */
  async #openArguments({ data }: StoredHold): Promise<JsonObject | undefined> {
    try {
      const text = await this.tools.sealer.open(data.arguments);
      const value: unknown = JSON.parse(text);
      return this.tools.sealer.digest(text) === data.arguments.digest && isJsonObject(value) ? value : undefined;
    } catch (error) {
      if (error instanceof KeyDestroyed || error instanceof SealBroken || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** What the call needs to be decided and sent. */
  #fillIn(call: Call, { data }: StoredHold, args: JsonObject | undefined): void {
    if (args !== undefined) {
      Object.assign(call.asked, { arguments: args });
      resolveAgain(call, this.parts.catalog);
    }
    call.findings = data.findings;
  }

  /** What the policy in force, and the external one beside it, say of the call now. `again`: one of them cannot be asked. */
  async #decision(call: Call, { data }: StoredHold, policy: Policy): Promise<Pick<Decision, 'effect' | 'obligations'> | 'again'> {
    const { external } = this.parts;
    const { input, ...question } = questionOf(call, policy, this.parts);
    const decision = await admit({ ...question, input }, policy);
    // Nobody is asked about what has expired: it would be asked for ever.
    if (!(this.tools.now() < Date.parse(data.approval.expires))) return decision;
    if (decision.rules[0]!.id === 'policy-busy') return 'again';
    if (external === undefined || decision.effect === 'refuse') return decision;
    const verdict = await askExternal(call, input, external);
    if (verdict.unavailable) return 'again';
    return verdict.effect === 'refuse' ? { ...decision, effect: 'refuse' } : decision;
  }

  /** Asks everything again that the approval was given on. */
  #objection(
    call: Call,
    { data }: StoredHold,
    state: ApprovalState,
    args: JsonObject | undefined,
    { effect, obligations }: Pick<Decision, 'effect' | 'obligations'>,
  ): { readonly reason: DenialReason; readonly message: string } | undefined {
    const standing: Standing = {
      binding: { held: data.approval.binding, approved: state.binding, remade: this.tools.sealer.digest(bindingText(data)) },
      argumentsIntact: args !== undefined,
      expires: Date.parse(data.approval.expires),
      now: this.tools.now(),
      credential: this.#credential(data.principal.credential),
      definition: { held: data.definition, served: call.served?.definition },
      generation: { held: data.generation, served: call.served?.generation },
      stopped: this.parts.stops.against(call),
      effect,
      terms: { held: data.decision.obligations.approve, now: obligations.approve },
    };
    return objection(standing);
  }

  #credential({ kind, id }: { readonly kind: string; readonly id: string }): Standing['credential'] {
    if (kind === 'key') return this.tools.keys.standing(id, this.tools.now());
    // A token outlives no approval: that it was valid when the call was made is what can be known.
    if (kind === 'jwt') return 'valid';
    return this.tools.development ? 'valid' : 'revoked';
  }

  async #deny(call: Call, hold: Hold, state: ApprovalState, { reason, message }: { readonly reason: DenialReason; readonly message: string }): Promise<Ending> {
    const recorded = await this.parts.recorder.denied(call, { call: call.id, approval: hold.approval, reason, message });
    const receipt = receiptOf(call.id, recorded, this.parts.sink);
    return { reply: deniedReply(call, state.approval, reason, message, receipt) };
  }

  async #dispatch(call: Call, hold: Hold, state: ApprovalState): Promise<Ending | 'again' | 'elsewhere'> {
    const { recorder, settings } = this.parts;
    call.due = performance.now() + settings.callTimeout_ms;
    const deadline = timestamp(this.tools.now() + settings.callTimeout_ms);
    let dispatched: RecordedEvent;
    try {
      dispatched = await recorder.dispatched(call, { call: call.id, approval: hold.approval, binding: state.binding, deadline });
    } catch (error) {
      if (error instanceof LogRefused) return 'again';
      return { reply: outcomeReply(call.id, { kind: 'unsent', rule: 'log-unavailable', reason: 'record-indeterminate', message: notSent }, undefined) };
    }
    if (!(await this.#isFirst(call, hold, state, dispatched))) return 'elsewhere';
    call.intent = dispatched;
    call.client = [...hold.waiters].find((waiter) => waiter.call.client !== undefined)?.call.client;
    call.client?.taskSays?.(undefined);
    const key = await recorder.keyOf(call);
    hold.running = call;
    const [outcome, recorded] = await run(call, key, this.parts, toServer);
    hold.running = undefined;
    const receipt = recorded && receiptOf(call.id, recorded, this.parts.sink);
    return { reply: outcomeReply(call.id, outcome, receipt) };
  }

  /**
   * Two processes may both have been named, when the first was taken for dead. The log decides: whoever's `call.dispatched` comes first in it sends.
   * Who cannot find out does not send, and says so.
   */
  async #isFirst(call: Call, hold: Hold, state: ApprovalState, dispatched: RecordedEvent): Promise<boolean> {
    const from = { ...hold.position, offset: state.dispatcher!.searched };
    try {
      const first = await firstDecisive(this.tools.log, call.id, from, search_ms);
      if (first === undefined) throw new Error('the log does not show the dispatch that it acknowledged');
      return first.id === dispatched.id;
    } catch (error) {
      this.parts.logger.error({ error, call: call.id }, 'an approved call is not sent, because the log cannot be searched for another dispatch of it');
      this.parts.recorder.abandon(call, 'log-unsearchable');
      return false;
    }
  }
}

const notSent = 'the approved call was not sent, because its record could not be made; it has to be asked for again';

/** The stored call, as far as it does not depend on how things stand now. */
function callOf({ data, traceparent }: StoredHold, now: number): Call {
  const asked = { requestId: 0, method: data.method as GovernedMethod, name: data.exposed, arguments: {}, progressToken: undefined, traceparent };
  const session = { id: data.session, protocol: '', client: data.client, capabilities: {}, server: data.exposed === data.tool ? data.server : null, toolset: null, opened: 0 };
  const call = new Call(data.call, asked, callerOf(data.principal), session, { address: data.network.address, forwarded: data.network.forwarded ?? [] }, undefined, now);
  call.request = data.request;
  call.server = data.server;
  call.target = data.tool;
  call.arguments = data.arguments;
  call.decision = data.decision;
  return call;
}

function denialOf(state: ApprovalState): { readonly reason: DenialReason; readonly message: string } {
  const by = state.decided_by.length > 0 ? ` by ${state.decided_by.join(', ')}` : '';
  switch (state.status) {
    case 'denied':
      return { reason: 'denied', message: `denied${by}: ${state.reason}` };
    case 'cancelled':
      return { reason: 'cancelled', message: `cancelled${by}: ${state.reason}` };
    default:
      return { reason: 'expired', message: `nobody decided until ${state.expires}` };
  }
}
