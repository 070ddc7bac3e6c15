import { z } from 'zod';
import { defineEvent } from '../catalogue.js';
import { Timestamp } from '../envelope.js';

/** Key: `<subject>/<id>`. A null value is the destruction of the key. */
export const sealingKeyPublished = defineEvent({
  type: 'sealing.key.published',
  version: 1,
  topic: 'customhouse.state.keys',
  summary: 'A data key, wrapped by the key-encryption key, for one data subject.',
  schema: z.strictObject({
    id: z.string(),
    /** HMAC of the person: the same person has the same subject, and the name is not in the topic. */
    subject: z.string(),
    /** Id of the key-encryption key. */
    kek: z.string(),
    /** base64url of nonce, AES-256-GCM ciphertext of the 32-byte key, tag. */
    wrapped: z.string(),
    created: Timestamp,
  }),
});
