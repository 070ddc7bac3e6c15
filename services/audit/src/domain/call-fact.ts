import { callAborted, callAdmitted, callCompleted, callDenied, callDispatched, callFailed, callHeld, callOutcomeLost, callRefused } from '@customhouse/events/call/events';
import type { EventData, EventDeclaration } from '@customhouse/events/catalogue';

const declarations = [callAdmitted, callRefused, callHeld, callDispatched, callCompleted, callFailed, callOutcomeLost, callAborted, callDenied] as const;
const byType: ReadonlyMap<string, EventDeclaration> = new Map(declarations.map((declaration) => [declaration.type, declaration]));

/** Where an event came from, beside what it says. */
export interface Origin {
  readonly id: string;
  /** By the clock of its writer. */
  readonly time: string;
  readonly instance: string | null;
  readonly epoch: string | null;
}

type FactOf<D> = D extends EventDeclaration<infer Type> ? { readonly type: Type; readonly origin: Origin; readonly data: EventData<D> } : never;

/** An event of a call, with data that fits its schema. */
export type CallFact = FactOf<(typeof declarations)[number]>;

/** The fact in an event of the calls topic; undefined when its type says nothing about a call. Throws when the data does not fit. */
export function readFact(type: string, data: unknown, origin: Origin): CallFact | undefined {
  const declaration = byType.get(type);
  if (!declaration) return undefined;
  const parsed = declaration.schema.safeParse(data);
  if (!parsed.success) {
    const faults = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new TypeError(`the data of ${type} does not fit its schema: ${faults.join('; ')}`);
  }
  return { type, origin, data: parsed.data } as CallFact;
}
