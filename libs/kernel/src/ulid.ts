const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * A ULID of a time in Unix milliseconds and 10 random bytes: 26 characters that sort by time.
 * Time and randomness are inputs, so that the pure core stays pure; `newUlid` in libs/sealing has both at hand.
 * Throws RangeError for a time outside 48 bits or too few bytes.
 */
export function ulid(time: number, random: Uint8Array, offset = 0): string {
  if (!Number.isInteger(time) || time < 0 || time >= 2 ** 48) throw new RangeError(`${time} is not a ULID time`);
  if (random.length < offset + 10) throw new RangeError('a ULID needs 10 random bytes');
  const high = Math.floor(time / 2 ** 40);
  return alphabet[high >> 5]! + alphabet[high & 31]! + four(Math.floor(time / 2 ** 20)) + four(time) + eight(random, offset) + eight(random, offset + 5);
}

/** The low 20 bits as four characters. */
function four(bits: number): string {
  return alphabet[(bits >> 15) & 31]! + alphabet[(bits >> 10) & 31]! + alphabet[(bits >> 5) & 31]! + alphabet[bits & 31]!;
}

/** Five bytes as eight characters. */
function eight(bytes: Uint8Array, at: number): string {
  return four((bytes[at]! << 12) | (bytes[at + 1]! << 4) | (bytes[at + 2]! >> 4)) + four(((bytes[at + 2]! & 15) << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!);
}

/** Unix milliseconds of a ULID. Throws RangeError for anything else. */
export function ulidTime(id: string): number {
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)) throw new RangeError(`${JSON.stringify(id)} is not a ULID`);
  let time = 0;
  for (let index = 0; index < 10; index += 1) time = time * 32 + alphabet.indexOf(id[index]!);
  return time;
}
