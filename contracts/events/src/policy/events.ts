import { z } from 'zod';
import { PolicyVersion } from '@customhouse/policy-contract/bundle';
import { defineEvent } from '../catalogue.js';

export const policyDrafted = defineEvent({
  type: 'policy.version.drafted',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'A policy version was stored; it decides nothing yet.',
  schema: z.strictObject({ version: PolicyVersion, by: z.string() }),
});
export const policyActivated = defineEvent({
  type: 'policy.version.activated',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'A policy version decides from now on.',
  schema: z.strictObject({ number: z.int(), digest: z.string(), previous: z.int().nullable(), by: z.string() }),
});

/** Key `active`. */
export const policyPublished = defineEvent({
  type: 'policy.version.published',
  version: 1,
  topic: 'customhouse.state.policy',
  summary: 'The policy version in force.',
  schema: PolicyVersion,
});

/** Key `module/<digest>`: a compiled module, referred to by versions. The default module is built in and not published. */
export const policyModulePublished = defineEvent({
  type: 'policy.module.published',
  version: 1,
  topic: 'customhouse.state.policy',
  summary: 'A compiled policy module.',
  schema: z.strictObject({ digest: z.string(), wasm: z.base64() }),
});
