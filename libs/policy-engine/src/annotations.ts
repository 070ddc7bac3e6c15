import type { Annotations } from '@customhouse/policy-contract/input';

/**
 * What a tool says of itself, from the `annotations` of its definition. What it leaves out, or says in another type than MCP does, has the
 * default of MCP: it changes something, may destroy it, and reaches the outside.
 */
export function annotationsOf(hints: unknown): Annotations {
  const said = typeof hints === 'object' && hints !== null ? (hints as Record<string, unknown>) : {};
  const hint = (name: string, otherwise: boolean): boolean => (typeof said[name] === 'boolean' ? said[name] : otherwise);
  const read_only = hint('readOnlyHint', false);
  // In canonical order, since they are written into events.
  return { destructive: !read_only && hint('destructiveHint', true), idempotent: read_only || hint('idempotentHint', false), open_world: hint('openWorldHint', true), read_only };
}

/** Of a tool that says nothing. */
export const cautious: Annotations = Object.freeze(annotationsOf(undefined));
