import { z } from 'zod';

/** Query parameters of every route that answers a page. */
export const pageQuery = {
  /** Items in the answer. */
  limit: z.coerce.number('not a number').int('not a whole number').min(1).max(500).default(50),
  /** `next` of the page before. Opaque; a cursor of another query is refused. */
  cursor: z.string().max(4000).optional(),
};

/** One page. `next` is null on the last one. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ items: z.array(item), next: z.string().nullable() });
}
