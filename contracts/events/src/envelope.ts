import { z } from 'zod';

/** `2026-11-22T13:00:00.000Z`: always UTC and milliseconds, because timestamps of one width sort as text. */
export const Timestamp = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** A ULID in upper case: 26 characters of Crockford's base 32. */
export const Ulid = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/);

/**
 * CloudEvents 1.0 in structured JSON. The bytes of an event are its RFC 8785 form; they are hashed, stored, and never
 * serialised again. Events on state topics have no chain (`instance` to `previoushash`).
 */
export const Envelope = z.looseObject({
  specversion: z.literal('1.0'),
  id: Ulid,
  /** Wire type: `customhouse.call.admitted.v1`. */
  type: z.string(),
  /** `customhouse/<service>/<instance>`. */
  source: z.string(),
  /** The stream: `call-<ulid>`, `approval-<ulid>`, `server-<name>` and so on. */
  subject: z.string(),
  time: Timestamp,
  datacontenttype: z.literal('application/json'),
  /** Which process wrote it: unique among living processes, kept over restarts where the deployment names it. */
  instance: z.string().optional(),
  /** Start of this chain in Unix milliseconds, as text. A restart, or a batch with an unknown fate, begins a new epoch. */
  epoch: z.string().optional(),
  /** Position in the chain from 1, as 16 digits (CloudEvents `sequence`). */
  sequence: z
    .string()
    .regex(/^\d{16}$/)
    .optional(),
  /** SHA-256 of the previous event's bytes in this chain, base64url; empty for the first. */
  previoushash: z.string().optional(),
  /** Id of the event that caused this one. */
  causationid: z.string().optional(),
  /** W3C trace context. */
  traceparent: z.string().optional(),
  data: z.unknown(),
});

export type Envelope = z.infer<typeof Envelope>;

/** A sealed payload: readable only by a holder of the key-encryption key, and no more once the data key is destroyed. */
export const Sealed = z.strictObject({
  /** Id of the data key (see `sealing.key.published`). */
  key: z.string(),
  /** base64url of 12 bytes of nonce, the AES-256-GCM ciphertext, 16 bytes of tag. */
  data: z.string(),
  /** base64url HMAC-SHA-256 over the plaintext's bytes under the installation's digest key: equality without disclosure. */
  digest: z.string(),
  /** Length of the plaintext in bytes. */
  bytes: z.int().nonnegative(),
});
export type Sealed = z.infer<typeof Sealed>;
