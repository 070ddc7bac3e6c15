import * as approval from '@customhouse/events/approval/events';
import type { EventDeclaration } from '@customhouse/events/catalogue';
import type { NewEvent } from '@customhouse/event-log/sink';
import type { StreamEvent } from '@customhouse/event-store/streams';
import type { KnownRequest, RequestEvent } from '../domain/request.js';

const declarations = new Map<RequestEvent['type'], EventDeclaration>(
  [
    approval.requestOpened,
    approval.voteCast,
    approval.requestReminded,
    approval.requestEscalated,
    approval.glassBroken,
    approval.reviewCompleted,
    approval.requestGranted,
    approval.requestDenied,
    approval.requestExpired,
    approval.requestCancelled,
    approval.dispatcherNamed,
    approval.requestClosed,
  ].map((declaration) => [declaration.type, declaration]),
);

export function streamOf(request: string): string {
  return `approval-${request}`;
}

export function toNewEvent(request: string, event: RequestEvent, cause: string | undefined): NewEvent {
  const subject = streamOf(request);
  return { declaration: declarations.get(event.type)!, subject, key: subject, data: event.data, cause };
}

/** An event of the stream for the domain. Throws for a type that does not belong there. */
export function toRequestEvent(event: StreamEvent): RequestEvent {
  if (!declarations.has(event.type as RequestEvent['type'])) throw new Error(`${event.type} does not belong to the stream of an approval request`);
  return { type: event.type, data: event.data } as RequestEvent;
}

/** The present state, for the ingress. `outcome` is where the call's last event lies. */
export function toPublishedState(state: KnownRequest, outcome: { readonly topic: string; readonly partition: number; readonly offset: number } | null): NewEvent {
  const { approval: id, call, binding, expires, held } = state.opened;
  const reason = state.decision ?? state.opened.reason;
  const data = { approval: id, call, binding, status: state.status, expires, reason, decided_by: [...state.decided_by], held, outcome, dispatcher: state.dispatcher };
  return { declaration: approval.approvalPublished, subject: streamOf(id), key: id, data };
}
