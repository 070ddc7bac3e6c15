import { z } from 'zod';

/** What can be stopped at once, whatever the rules say. */
export const StopKind = z.enum(['agent', 'person', 'tool', 'server', 'everything']);
export type StopKind = z.infer<typeof StopKind>;

/** The name of the only stop of the kind `everything`. */
export const everythingName = '*';

const Name = z
  .string()
  .min(1)
  .max(600)
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text), 'holds control characters');

/** What is stopped. One target has one form, so that it cannot be stopped twice: see `stopTarget`. */
export const StopTarget = z.strictObject({
  kind: StopKind,
  name: Name.describe(
    'Of an agent or a person the name in lower case; of a server its name; of a tool `server/tool` by its own name, which also stands for prompts and URIs; of everything `*`.',
  ),
});
export type StopTarget = z.infer<typeof StopTarget>;

/** A stop in force. */
export const Stop = StopTarget.extend({
  /** In words, for the agent and for the administrator. */
  reason: z.string().min(1).max(500),
  by: z.string(),
});
export type Stop = z.infer<typeof Stop>;

/**
 * The one form of a target. Names of agents and people are compared without case and compatibility forms, because a stop that is missed over
 * a capital letter stops nothing.
 */
export function stopTarget(kind: StopKind, name: string): StopTarget {
  if (kind === 'everything') return { kind, name: everythingName };
  return { kind, name: kind === 'agent' || kind === 'person' ? name.normalize('NFKC').toLowerCase().trim() : name };
}

/** The key of a stop in `customhouse.state.policy`. */
export function stopKey({ kind, name }: StopTarget): string {
  return `${stopPrefix}${kind}/${name}`;
}

export const stopPrefix = 'stop/';

/** Reads a key back. Undefined for any other key. */
export function stopOfKey(key: string): StopTarget | undefined {
  if (!key.startsWith(stopPrefix)) return undefined;
  const slash = key.indexOf('/', stopPrefix.length);
  const kind = StopKind.safeParse(key.slice(stopPrefix.length, slash));
  return kind.success ? { kind: kind.data, name: key.slice(slash + 1) } : undefined;
}
