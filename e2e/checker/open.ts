import { createDecipheriv, hkdfSync } from 'node:crypto';
import type { Gateway } from '../modes/gateway.js';

/**
 * Opens sealed payloads with nothing but the raw log, the key file, and docs/explanation/sealing.md: a second implementation, so
 * that the first cannot be wrong unnoticed. Returns the empty text for what cannot be opened.
 */
export async function open(gateway: Gateway): Promise<(sealed: unknown) => string> {
  const secret = Buffer.from(await gateway.sealingKey(), 'base64url');
  const wrapping = Buffer.from(hkdfSync('sha256', secret, '', 'customhouse/wrap/v1', 32));
  const keys = new Map<string, Buffer>();

  async function learn(): Promise<void> {
    for (const record of await gateway.rawLog()) {
      if (record.topic !== 'customhouse.state.keys' || record.value === null) continue;
      const { data } = JSON.parse(record.value) as { data: { id: string; subject: string; wrapped: string } };
      keys.set(data.id, decrypt(wrapping, `${data.subject}/${data.id}`, Buffer.from(data.wrapped, 'base64url')));
    }
  }
  await learn();

  return (sealed) => {
    const { key, data } = (sealed ?? {}) as { key?: string; data?: string };
    const secretKey = key === undefined ? undefined : keys.get(key);
    if (!secretKey || data === undefined) return '';
    return decrypt(secretKey, key!, Buffer.from(data, 'base64url')).toString('utf8');
  };
}

/** 12 bytes of nonce, the AES-256-GCM ciphertext, 16 bytes of tag. */
function decrypt(key: Buffer, bound: string, bytes: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from(bound));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
}
