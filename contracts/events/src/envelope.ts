import { z } from 'zod';

/** `2026-11-22T13:00:00.000Z`: always UTC and milliseconds, because timestamps of one width sort as text. */
export const Timestamp = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .describe('UTC with milliseconds: `2026-11-22T13:00:00.000Z`.');

/** A ULID in upper case: 26 characters of Crockford's base 32. */
export const Ulid = z
  .string()
  .regex(/^[0-9A-HJKMNP-TV-Z]{26}$/)
  .describe('A ULID.');

/**
 * CloudEvents 1.0 in structured JSON. The bytes of an event are its RFC 8785 form; they are hashed, stored, and never
 * serialised again. Events on state topics have no chain (`instance` to `previoushash`).
 */
export const Envelope = z.looseObject({
  specversion: z.literal('1.0'),
  id: Ulid.describe('Unique. The same event may arrive more than once, always with the same id.'),
  type: z.string().describe('Wire type: `customhouse.call.admitted.v1`.'),
  source: z.string().describe('`customhouse/<service>/<instance>`.'),
  subject: z.string().describe('The stream: `call-<ulid>`, `approval-<ulid>`, `server-<name>` and so on.'),
  time: Timestamp.describe('When it happened, by the clock of the writer. Order by position in the log, never by this.'),
  datacontenttype: z.literal('application/json'),
  instance: z.string().optional().describe('Which process wrote it: unique among living processes, kept over restarts where the deployment names it.'),
  epoch: z.string().optional().describe('Start of this chain in Unix milliseconds, as text. A restart, or a batch with an unknown fate, begins a new epoch.'),
  sequence: z
    .string()
    .regex(/^\d{16}$/)
    .optional()
    .describe('Position in the chain from 1, as 16 digits (CloudEvents `sequence`).'),
  previoushash: z.string().optional().describe("SHA-256 of the previous event's bytes in this chain, base64url; empty for the first."),
  causationid: z.string().optional().describe('Id of the event that caused this one.'),
  traceparent: z.string().optional().describe('W3C trace context.'),
  data: z.unknown().describe('What happened, in the shape of the type and version.'),
});

export type Envelope = z.infer<typeof Envelope>;

/** A sealed payload: readable only by a holder of the key-encryption key, and no more once the data key is destroyed. */
export const Sealed = z.strictObject({
  key: z.string().describe('Id of the data key (see `sealing.key.published`).'),
  data: z.string().describe('base64url of 12 bytes of nonce, the AES-256-GCM ciphertext, 16 bytes of tag. The additional data is the id of the data key.'),
  digest: z.string().describe("base64url HMAC-SHA-256 over the plaintext's bytes under the installation's digest key: equality without disclosure."),
  bytes: z.int().nonnegative().describe('Length of the plaintext in bytes.'),
});
export type Sealed = z.infer<typeof Sealed>;
