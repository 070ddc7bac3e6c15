import type { Inspector } from './mcp/inspect.js';

export function detectorInspector(): Inspector {
  return { inspectArguments: () => [], inspectResult: (value) => ({ value, findings: [] }) };
}
