const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * A ULID of a time in Unix milliseconds and 10 random bytes: 26 characters that sort by time.
 * Time and randomness are inputs, so that the pure core stays pure; `newUlid` in libs/sealing has both at hand.
 */
export function ulid(time: number, random: Uint8Array): string {
  if (!Number.isInteger(time) || time < 0 || time >= 2 ** 48) throw new RangeError(`${time} is not a ULID time`);
  if (random.length < 10) throw new RangeError('a ULID needs 10 random bytes');
  let text = '';
  let rest = time;
  for (let index = 0; index < 10; index += 1) {
    text = alphabet[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  for (let group = 0; group < 10; group += 5) {
    // Five bytes are exactly eight characters.
    let high = (random[group]! << 12) | (random[group + 1]! << 4) | (random[group + 2]! >> 4);
    let low = ((random[group + 2]! & 15) << 16) | (random[group + 3]! << 8) | random[group + 4]!;
    let chars = '';
    for (let index = 0; index < 4; index += 1) {
      chars = alphabet[low & 31]! + chars;
      low >>= 5;
    }
    for (let index = 0; index < 4; index += 1) {
      chars = alphabet[high & 31]! + chars;
      high >>= 5;
    }
    text += chars;
  }
  return text;
}

/** Unix milliseconds of a ULID. */
export function ulidTime(id: string): number {
  let time = 0;
  for (let index = 0; index < 10; index += 1) {
    const digit = alphabet.indexOf(id[index] ?? '');
    if (digit < 0) throw new RangeError(`${id} is not a ULID`);
    time = time * 32 + digit;
  }
  return time;
}
