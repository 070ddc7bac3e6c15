import type { Finding } from '@customhouse/events/finding/finding';
import { inspect } from '@customhouse/detectors/inspect';
import { redact } from '@customhouse/detectors/redact';
import { builtInPack } from '@customhouse/detectors/rule-pack';
import type { JsonObject } from '@customhouse/mcp-wire/json-rpc';
import type { Inspector } from './mcp/inspect.js';

/** Makes `redact` look at everything that `inspect` did not. */
const suspected: Finding = { rule: 'credential', severity: 'high', location: 'result', message: 'not looked at' };

/** The detectors in line: what they find in arguments is for the policy; credentials in results are taken out. */
export function detectorInspector(): Inspector {
  return {
    inspectArguments: (value) => inspect(builtInPack, 'arguments', value),
    inspectResult: <Value extends JsonObject>(value: Value) => {
      const findings = inspect(builtInPack, 'result', value);
      if (findings.length === 0) return { value, findings };
      const truncated = findings.some((finding) => finding.rule === 'inspection-truncated');
      return { value: redact(builtInPack, value, truncated ? [suspected] : findings) as Value, findings };
    },
  };
}
