import { z } from 'zod';
import type { Draft } from '../writer/draft.js';

/** An event as the spool keeps it: without a chain, which it gets when it is shipped. */
const Entry = z.strictObject({
  topic: z.string(),
  key: z.string(),
  id: z.string(),
  type: z.string(),
  subject: z.string(),
  time: z.string(),
  cause: z.string().optional(),
  traceparent: z.string().optional(),
  /** Canonical JSON. */
  data: z.string(),
  chained: z.boolean(),
});

/** Throws TypeError for what is no plain event. */
export function encodeDraft(draft: Draft): Buffer {
  const { event, topic, key } = draft;
  const data = event?.data;
  if (event === undefined || typeof data !== 'string') throw new TypeError('only events are spooled');
  const entry: z.infer<typeof Entry> = { topic, key, ...event, data };
  return Buffer.from(JSON.stringify(entry), 'utf8');
}

/** Throws when the bytes are not what `encodeDraft` made. */
export function decodeDraft(payload: Uint8Array): Draft {
  const { topic, key, ...event } = Entry.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
  return { topic, key, event: { cause: undefined, traceparent: undefined, ...event }, raw: undefined, bytes: payload.length };
}
