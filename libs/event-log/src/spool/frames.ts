import { crc32 } from 'node:zlib';

/** First bytes of every spool file. */
export const magic = Buffer.from('CHSPOOL1', 'latin1');
const headerBytes = 8;

/** A frame: length, CRC-32 of the payload (both 32 bits, little-endian), payload. */
export function frame(payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length);
  bytes.writeUInt32LE(payload.length, 0);
  bytes.writeUInt32LE(crc32(payload), 4);
  bytes.set(payload, headerBytes);
  return bytes;
}

export interface Frames {
  readonly payloads: readonly Buffer[];
  /** Bytes at the end that are no complete frame: what a crash in the middle of a write leaves. */
  readonly torn: number;
  /** Frames whose bytes have changed since they were written. */
  readonly damaged: number;
}

/** All payloads of a file that can be trusted, in order. */
export function readFrames(bytes: Buffer): Frames {
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    const cut = bytes.length < magic.length && magic.subarray(0, bytes.length).equals(bytes);
    return cut ? { payloads: [], torn: bytes.length, damaged: 0 } : { payloads: [], torn: 0, damaged: 1 };
  }
  const payloads: Buffer[] = [];
  let damaged = 0;
  let at = magic.length;
  while (at + headerBytes <= bytes.length) {
    const end = at + headerBytes + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + headerBytes, end);
    if (crc32(payload) === bytes.readUInt32LE(at + 4)) payloads.push(payload);
    else damaged += 1;
    at = end;
  }
  return { payloads, torn: bytes.length - at, damaged };
}
