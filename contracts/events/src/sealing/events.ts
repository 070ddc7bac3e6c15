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
    subject: z.string().describe('HMAC of the person: the same person has the same subject, and the name is not in the topic.'),
    kek: z.string().describe('Id of the key-encryption key.'),
    wrapped: z.string().describe('base64url of 12 bytes of nonce, the AES-256-GCM ciphertext of the 32-byte key, 16 bytes of tag. The additional data is `<subject>/<id>`.'),
    created: Timestamp,
  }),
});
