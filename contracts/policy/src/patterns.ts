import { z } from 'zod';

const mostStars = 4;

/** UTF-8 has no form for half a surrogate pair, and the policy module reads UTF-8. */
export const Text = z.string().refine((text) => text.isWellFormed(), 'the text has a lone surrogate, which is no character');

/** True when a pattern has few enough `*`; a run of them counts once. */
function fewStars(pattern: string): boolean {
  return pattern.replace(/\*+/g, '*').split('*').length - 1 <= mostStars;
}

/** Compared character by character: no folding of case, no other special characters. */
export const NamePattern = Text.min(1, 'a pattern is not empty')
  .max(200, 'a pattern has at most 200 characters')
  .refine(fewStars, `a pattern has at most ${mostStars} stars`)
  .describe('`*` stands for any run of characters, also none; everything else stands for itself. Upper and lower case differ.');

/** Each side of the slash is a pattern of its own; the server's side ends at the first slash. */
export const ToolPattern = Text.max(400, 'a tool pattern has at most 400 characters')
  .regex(/^[^/]+\/.+$/su, 'a tool pattern is server/tool, and each side may contain *')
  .refine((pattern) => pattern.split('/').every(fewStars), `each side of a tool pattern has at most ${mostStars} stars`)
  .describe('`server/tool`, each side a pattern: `github/get_*`, `*/delete_*`, `*/*` for every tool.');

export const JsonPointer = Text.max(400)
  .regex(/^(?:\/(?:[^~/]|~[01])*)+$/su, 'an argument is a JSON Pointer such as /path or /options/force')
  .describe('JSON Pointer (RFC 6901) into the arguments of the call: `/path`, `/files/0/name`.');

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

/** Whether a text is an IP address. IPv6 as RFC 4291 writes it, without a zone. */
function isAddress(text: string): boolean {
  if (ipv4.test(text)) return true;
  if (!/^[0-9a-f:.]{2,45}$/i.test(text) || !text.includes(':')) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1) ?? '';
  const embedded = last.includes('.') && ipv4.test(last);
  const wanted = embedded ? 7 : 8;
  const plain = embedded ? groups.slice(0, -1) : groups;
  return plain.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) && (halves.length === 2 ? groups.length < wanted : groups.length === wanted);
}

function isSubnet(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  if (!isAddress(address) || rest.length > 0) return false;
  return prefix === undefined || (/^(?:0|[1-9][0-9]{0,2})$/.test(prefix) && Number(prefix) <= (address.includes(':') ? 128 : 32));
}

export const Subnet = z
  .string()
  .max(50)
  .refine(isSubnet, 'is no address or subnet such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7')
  .describe('An IPv4 or IPv6 address, or a subnet with the length of its prefix.');

/** A host name in lower case with stars, a subnet, or `@` and the domain of a mail address. */
export const HostPattern = z
  .string()
  .max(260)
  .refine(
    (text) => isSubnet(text) || (/^@?[a-z0-9*_-]+(?:\.[a-z0-9*_-]+)*$/.test(text) && fewStars(text)),
    'is no host such as api.example.com or *.example.com, no subnet such as 10.0.0.0/8, and no mail domain such as @example.com',
  )
  .describe(
    'A host: `api.example.com`, `*.example.com` (which is not `example.com`); a subnet, for hosts that are addresses: `10.0.0.0/8`; the domain of mail addresses: `@example.com`.',
  );
