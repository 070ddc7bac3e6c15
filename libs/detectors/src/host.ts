/**
 * The host of an authority (`user@host:port`), in lower case: a name, an IPv4 address of four decimal numbers, an IPv6 address without brackets.
 * Undefined for whatever two readers might read differently: percent-encoding, other characters than ASCII, more than one `@`, numbers that some
 * take for an address (`0x7f.1`, `2130706433`, `010.0.0.1`).
 */
export function readHost(authority: string): string | undefined {
  const parts = authority.split('@');
  if (parts.length > 2 || authority.length > longest || /[^\x21-\x7e]|%|\\/.test(authority)) return undefined;
  const text = parts.at(-1)!.toLowerCase();
  const bracketed = /^\[([0-9a-f:.]{2,45})\](?::[0-9]{0,5})?$/.exec(text);
  if (bracketed) return isIpv6(bracketed[1]!) ? bracketed[1]! : undefined;
  if (isIpv6(text)) return text;
  const name = /^([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)\.?(?::[0-9]{0,5})?$/.exec(text)?.[1];
  if (name === undefined || name.length > 253 || name.includes('..')) return undefined;
  // A last label of digits, or one that begins like a hexadecimal number, makes it an address to most readers: then it has to be a plain one.
  const last = name.slice(name.lastIndexOf('.') + 1);
  if (!/^(?:[0-9]+|0x[0-9a-f]*)$/.test(last)) return name;
  return /^(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}$/.test(name) ? name : undefined;
}

const longest = 1_024;

/** As RFC 4291 writes it, without a zone. */
function isIpv6(text: string): boolean {
  if (!/^[0-9a-f:.]{2,45}$/.test(text) || !text.includes(':')) return false;
  const halves = text.split('::');
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (halves.length > 2 || !groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}
