import { z } from 'zod';
import { defineEvent } from '../catalogue.js';

const topic = 'customhouse.sources';
const source = { service: z.string(), instance: z.string(), epoch: z.string() };

export const sourceStarted = defineEvent({
  type: 'source.started',
  version: 1,
  topic,
  summary: 'A writer began a chain of events.',
  schema: z.strictObject({
    ...source,
    reason: z.enum(['start', 'indeterminate', 'refused']).describe('Why: a start of the process, or a batch whose fate is unknown.'),
    previous: z
      .strictObject({ epoch: z.string(), acknowledged: z.int(), attempted: z.int() })
      .nullable()
      .describe('The chain it follows, with the last sequence that was acknowledged and the last that was tried.'),
  }),
});
export const sourceHeartbeat = defineEvent({
  type: 'source.heartbeat',
  version: 1,
  topic,
  summary: 'A writer is alive.',
  schema: z.strictObject({ ...source, sequence: z.int() }),
});
export const sourceClosed = defineEvent({
  type: 'source.closed',
  version: 1,
  topic,
  summary: 'A writer ended its chain in order.',
  schema: z.strictObject({ ...source, sequence: z.int() }),
});
