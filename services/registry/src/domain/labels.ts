import type { ToolDefinition, ToolLabel } from '@customhouse/events/registry/events';

/**
 * What a tool says of itself in its annotations, as labels. A server may say what it likes: these are proposals, which count when
 * somebody accepts the tool. As MCP has it, a tool that writes is destructive unless it says otherwise.
 */
export function proposedLabels(definition: ToolDefinition): ToolLabel[] {
  const { annotations } = definition as { annotations?: unknown };
  if (typeof annotations !== 'object' || annotations === null) return [];
  const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = annotations as Record<string, unknown>;
  const labels: ToolLabel[] = [];
  if (readOnlyHint === true) labels.push('read-only');
  else if (destructiveHint === true || (readOnlyHint === false && destructiveHint !== false)) labels.push('destructive');
  if (idempotentHint === true) labels.push('idempotent');
  if (openWorldHint === true) labels.push('returns-untrusted', 'communicates-externally');
  return labels;
}
