import { z } from 'zod';
import { Ulid } from '@customhouse/events/envelope';
import { readable } from '../words.js';

/** A reason or comment. Browsers count a line break as one character and send two. */
export const words = z.string().max(2000).transform(readable);

export const digest = z.string().max(100);

/** Whether part of a path can be the id of something. */
export function isUlid(text: string): boolean {
  return Ulid.safeParse(text).success;
}

/** One of our forms. `csrf`: checked against the session. */
export function sentForm<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object({ csrf: z.string(), ...shape });
}

/** Which part of a list is looked at. */
export const PartQuery = z.object({ before: Ulid.optional(), limit: z.coerce.number().int().min(1).max(100).default(25) });

/** The query of the part that comes after this one; null at the end. */
export function nextQuery(query: z.infer<typeof PartQuery>, next: string | null): string | null {
  if (next === null) return null;
  const { before: _, ...others } = query;
  return new URLSearchParams({ ...Object.fromEntries(Object.entries(others).map(([name, value]) => [name, String(value)])), before: next }).toString();
}
