import { z } from 'zod';
import { PolicySignature, PolicyVersion, Sha256 } from '@customhouse/policy-contract/bundle';
import { Stop, StopTarget } from '@customhouse/policy-contract/stops';
import { defineEvent } from '../catalogue.js';
import { Timestamp, Ulid } from '../envelope.js';

export const policyDrafted = defineEvent({
  type: 'policy.version.drafted',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'A policy version was stored; it decides nothing yet.',
  schema: z.strictObject({
    version: PolicyVersion,
    by: z.string(),
    /** The version of another installation that it was imported from, and the key that had signed that. Null: it was written here. */
    origin: z.strictObject({ number: z.int().nonnegative(), digest: Sha256, key: Sha256.nullable() }).nullable(),
  }),
});
export const policyTested = defineEvent({
  type: 'policy.version.tested',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'The tests and cases of a policy version were run. One that fails cannot be activated.',
  schema: z.strictObject({ number: z.int(), digest: z.string(), passed: z.int().nonnegative(), failed: z.int().nonnegative(), by: z.string() }),
});
export const policySigned = defineEvent({
  type: 'policy.version.signed',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'A policy version got a signature, which it had been stored without, or with one that counts no more.',
  schema: z.strictObject({ number: z.int(), digest: Sha256, signature: PolicySignature, by: z.string() }),
});
const counted = z.int().nonnegative();
export const policySimulated = defineEvent({
  type: 'policy.version.simulated',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'A policy version decided recorded calls again, and this is how many came out differently.',
  schema: z.strictObject({
    number: z.int(),
    digest: z.string(),
    simulation: Ulid,
    calls: counted,
    undecided: counted.describe('Calls whose arguments were erased or cannot be read.'),
    newly_allowed: counted,
    newly_held: counted,
    newly_refused: counted,
    other_terms: counted.describe('The same effect, with other approvers, limits or redactions.'),
    by: z.string(),
  }),
});
export const shadowStarted = defineEvent({
  type: 'policy.shadow.started',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'A policy version began to run in the shadow of the active one. It decides nothing.',
  schema: z.strictObject({ shadow: Ulid, number: z.int(), digest: z.string(), by: z.string() }),
});
export const shadowEnded = defineEvent({
  type: 'policy.shadow.ended',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'A policy version no longer runs in the shadow of the active one.',
  schema: z.strictObject({
    shadow: Ulid,
    number: z.int(),
    calls: counted,
    newly_allowed: counted,
    newly_held: counted,
    newly_refused: counted,
    other_terms: counted,
    by: z.string(),
  }),
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

export const stopOrdered = defineEvent({
  type: 'policy.stop.ordered',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'An agent, a person, a tool, a server or everything was stopped: every call is refused, whatever the rules say.',
  schema: Stop,
});
export const stopLifted = defineEvent({
  type: 'policy.stop.lifted',
  version: 1,
  topic: 'customhouse.policy',
  summary: 'A stop ended, and the rules decide again.',
  schema: StopTarget.extend({ reason: z.string(), by: z.string() }),
});

/** Key `stop/<kind>/<name>`. */
export const stopPublished = defineEvent({
  type: 'policy.stop.published',
  version: 1,
  topic: 'customhouse.state.policy',
  summary: 'A stop in force.',
  schema: Stop.extend({ since: Timestamp }),
});
