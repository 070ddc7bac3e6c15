import type { Decision } from '@customhouse/policy-contract/decision';
import type { EventData } from '@customhouse/events/catalogue';
import type { callAdmitted, callHeld, callRefused } from '@customhouse/events/call/events';
import type { Sealed } from '@customhouse/events/envelope';

/** An event that records the intent of a call, whichever of the three. */
export type IntentData = EventData<typeof callAdmitted> | EventData<typeof callRefused> | EventData<typeof callHeld>;

/** A call as the history has it: in the parts that repeat from call to call, and the rest. */
export interface RecordedCall {
  readonly call: string;
  /** Unix milliseconds, of the decision. */
  readonly time: number;
  readonly tenant: string;
  readonly caller: Part;
  readonly target: Part;
  readonly decision: Decision;
  readonly rest: Part;
  readonly arguments: Sealed;
}

type Part = Readonly<Record<string, unknown>>;

/** Who asks, and for what: the same for many calls. */
const ofCaller = ['principal', 'client'] as const;
const ofTarget = ['method', 'server', 'tool', 'definition', 'labels', 'annotations'] as const;
/** What no decision depends on, or is kept on its own. */
const elsewhere = ['approval', 'arguments', 'call', 'deadline', 'decision', 'during', 'exposed', 'extra', 'generation', 'reason', 'record'] as const;
const notRest: ReadonlySet<string> = new Set([...ofCaller, ...ofTarget, ...elsewhere]);

export function recordedCall(data: IntentData, time: number): RecordedCall {
  const members = Object.entries(data as Part);
  const part = (names: readonly string[]) => Object.fromEntries(members.filter(([name]) => names.includes(name)));
  return {
    call: data.call,
    time,
    tenant: data.principal.tenant,
    caller: part(ofCaller),
    target: part(ofTarget),
    decision: data.decision,
    rest: Object.fromEntries(members.filter(([name]) => !notRest.has(name))),
    arguments: data.arguments,
  };
}

/** What the event said of the decision's input. */
export function intentOf({ caller, target, rest }: Pick<RecordedCall, 'caller' | 'target' | 'rest'>): Omit<IntentData, (typeof elsewhere)[number]> {
  return { ...caller, ...target, ...rest } as Omit<IntentData, (typeof elsewhere)[number]>;
}

/** True when the call was refused because its policy was given no more time. How much time there was is nothing that can be had again. */
export function isOutOfTime({ rules }: Decision): boolean {
  return rules[0]?.id === 'policy-timeout' || rules[0]?.id === 'policy-busy';
}

/**
 * True when the gateway refused without asking any policy: the call was stopped, or nothing of the kind was served. Whatever the
 * rules, it would do so again.
 */
export function isOfGateway(decision: Decision, labels: unknown): boolean {
  return labels === null || decision.rules[0]?.id === 'stopped';
}
