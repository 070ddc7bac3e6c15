import { z } from 'zod';
import { defineEvent } from '../catalogue.js';
import { Ulid } from '../envelope.js';
import { Finding } from './finding.js';

export const findingRaised = defineEvent({
  type: 'finding.raised',
  version: 1,
  topic: 'customhouse.findings',
  summary: 'The scanner found something in a definition or in a call.',
  schema: z.strictObject({
    about: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('definition'),
        item: z.enum(['tool', 'prompt', 'resource', 'template']).describe('What the definition is of.'),
        server: z.string(),
        tool: z.string().describe('Its name, URI or template.'),
        definition: z.string(),
      }),
      z.strictObject({ kind: z.literal('call'), call: Ulid, part: z.enum(['arguments', 'result']) }),
    ]),
    pack: z.string().describe('Version of the rule pack that looked.'),
    findings: z.array(Finding).min(1),
  }),
});
