import type { callAborted, callCompleted, callDenied, callFailed, callOutcomeLost } from '@customhouse/events/call/events';
import type { EventData } from '@customhouse/events/catalogue';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import { KeyDestroyed, type Sealer } from '@customhouse/sealing/sealer';
import type { JsonRpcError } from '@customhouse/upstream/upstream';
import type { Reply } from './dialect.js';
import type { Outcome } from '../outcome.js';
import { deniedReply, outcomeReply, type About, type Receipt } from './reply.js';

/** The answer to a call by the event that ended it: what its client was told, or would have been. Undefined when there is nothing to tell. */
export async function recordedReply(call: About, event: StoredEvent, sealer: Sealer): Promise<Reply | undefined> {
  const receipt = receiptIn(event, call.id);
  if (event.type === 'call.denied') {
    const { approval, reason, message } = event.data as EventData<typeof callDenied>;
    return deniedReply(call, approval, reason, message, receipt);
  }
  return outcomeReply(call.id, await outcomeIn(event, sealer), receipt);
}

async function outcomeIn(event: StoredEvent, sealer: Sealer): Promise<Outcome> {
  switch (event.type) {
    case 'call.completed': {
      const { result, findings } = event.data as EventData<typeof callCompleted>;
      const text = await open(result, sealer);
      return text === undefined ? erased : { kind: 'completed', result: JSON.parse(text) as JsonObject, text, findings };
    }
    case 'call.failed': {
      const { reason, message, result } = event.data as EventData<typeof callFailed>;
      if (result === null) return { kind: 'unsent', rule: reason === 'stopped' ? 'refused' : 'upstream-unavailable', reason, message };
      const text = await open(result, sealer);
      return text === undefined ? erased : { kind: 'error', error: JSON.parse(text) as JsonRpcError, text, findings: [] };
    }
    case 'call.aborted': {
      const { reason } = event.data as EventData<typeof callAborted>;
      if (reason === 'cancelled') return { kind: 'aborted', reason };
      return { kind: 'unsent', rule: 'log-unavailable', reason, message: 'the call was not sent, because its record could not be made; it has to be asked for again' };
    }
    default:
      return { kind: 'lost', reason: (event.data as EventData<typeof callOutcomeLost>).reason, message: 'the call was sent, and nobody can know whether it took effect' };
  }
}

const erased: Outcome = { kind: 'lost', reason: 'erased', message: 'the call has ended, and its result was erased' };

async function open(sealed: Parameters<Sealer['open']>[0], sealer: Sealer): Promise<string | undefined> {
  try {
    return await sealer.open(sealed);
  } catch (error) {
    if (error instanceof KeyDestroyed) return undefined;
    throw error;
  }
}

function receiptIn(event: StoredEvent, call: string): Receipt {
  const { id, instance, epoch, sequence } = event.envelope;
  return { call, event: id, instance: instance ?? '', epoch: epoch ?? '', sequence: Number(sequence ?? 0) };
}
