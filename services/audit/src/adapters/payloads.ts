import type { Payload } from '@customhouse/http-contract/audit';
import { Sealed } from '@customhouse/events/envelope';
import type { Json } from '@customhouse/kernel/canonical';
import { KeyDestroyed, type Sealer } from '@customhouse/sealing/sealer';

/** What the caller may see of a sealed payload. */
export async function showPayload(sealed: Sealed, sealer: Sealer, mayOpen: boolean): Promise<Payload> {
  const { digest, bytes } = sealed;
  if (!mayOpen) return { state: 'sealed', digest, bytes };
  try {
    return { state: 'open', value: JSON.parse(await sealer.open(sealed)) as unknown };
  } catch (error) {
    if (error instanceof KeyDestroyed) return { state: 'erased', digest, bytes };
    return { state: 'unreadable', digest, bytes, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Deeper data than any event of ours has; what is below is left out. */
const deepest = 64;

/** A copy of an event's data in which everything sealed is its digest and length: enough to compare, and a hundredth of the size. */
export function withoutSealed(data: unknown, depth = 0): Json {
  if (typeof data !== 'object' || data === null) return data as Json;
  if (depth >= deepest) return null;
  if (Array.isArray(data)) return data.map((item) => withoutSealed(item, depth + 1));
  const sealed = Sealed.safeParse(data);
  if (sealed.success) return { sealed: { digest: sealed.data.digest, bytes: sealed.data.bytes } };
  return Object.fromEntries(Object.entries(data).map(([name, member]) => [name, withoutSealed(member, depth + 1)]));
}
