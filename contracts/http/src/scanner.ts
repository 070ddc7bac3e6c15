import { Timestamp, Ulid } from '@customhouse/events/envelope';
import { Finding } from '@customhouse/events/finding/finding';
import { z } from 'zod';
import { pageOf, pageQuery } from './paging.js';
import { defineRoute } from './route.js';

/** One thing that a detector saw, and where. */
export const ScannerFinding = Finding.extend({
  finding: Ulid,
  /** What was looked at. */
  kind: z.enum(['definition', 'call']),
  /** What the definition is of; null for a call. */
  item: z.enum(['tool', 'prompt', 'resource', 'template']).nullable(),
  server: z.string().nullable(),
  /** The tool, or the name of what the definition is of: a prompt, a URI, a template. */
  tool: z.string().nullable(),
  /** Digest of the definition that was looked at. */
  definition: z.string().nullable(),
  call: Ulid.nullable(),
  /** Version of the rule pack that looked. */
  pack: z.string(),
  raised: Timestamp,
});
export type ScannerFinding = z.infer<typeof ScannerFinding>;

export const scannerRoutes = {
  list: defineRoute({
    method: 'GET',
    path: '/v1/findings',
    summary: 'List findings, newest first.',
    description:
      'What the scanner found in the definitions of tools, prompts and resources, and in recorded calls. The findings of the inspection on the path of a call are in that call (GET /v1/calls).',
    roles: ['operator', 'approver', 'auditor'],
    query: z.strictObject({
      ...pageQuery,
      kind: ScannerFinding.shape.kind.optional(),
      server: z.string().max(256).optional(),
      tool: z.string().max(256).optional(),
      call: Ulid.optional(),
      rule: z.string().max(64).optional(),
      severity: Finding.shape.severity.optional(),
    }),
    response: pageOf(ScannerFinding),
    errors: [],
  }),
};
