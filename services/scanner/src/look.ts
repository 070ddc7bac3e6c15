import type { Finding } from '@customhouse/events/finding/finding';
import type { Json } from '@customhouse/kernel/canonical';
import { inspect, type InspectLimits, type Part } from '@customhouse/detectors/inspect';
import type { RulePack } from '@customhouse/detectors/rule-pack';

/** What a definition is of. */
export type Item = 'tool' | 'prompt' | 'resource' | 'template';

/** What was looked at, as `finding.raised` says it. */
export type About =
  | { readonly kind: 'definition'; readonly item: Item; readonly server: string; readonly tool: string; readonly definition: string }
  | { readonly kind: 'call'; readonly call: string; readonly part: 'arguments' | 'result' };

export interface Look {
  readonly about: About;
  readonly pack: string;
  readonly findings: readonly Finding[];
}

/** Runs the detectors over a definition or a part of a call. Undefined when there is nothing to say. */
export function look(pack: RulePack, about: About, value: Json, limits: InspectLimits): Look | undefined {
  const part: Part = about.kind === 'definition' ? 'definition' : about.part;
  const findings = inspect(pack, part, value, limits);
  return findings.length === 0 ? undefined : { about, pack: pack.version, findings };
}
