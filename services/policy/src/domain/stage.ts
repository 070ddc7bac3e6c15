/** How far a version has come. Each stage is reached after the ones before, and a later one may be left out. */
export const stages = ['draft', 'tested', 'simulated', 'shadow', 'active'] as const;
export type Stage = (typeof stages)[number];

/** What is known about a version. */
export interface Progress {
  readonly active: boolean;
  /** Its tests passed the last time. */
  readonly tested: unknown;
  /** A simulation of it ended. */
  readonly simulated: unknown;
  /** It runs in shadow. */
  readonly shadowed: unknown;
}

/** A version whose tests fail is a draft, whatever else was done with it. */
export function stageOf({ active, tested, simulated, shadowed }: Progress): Stage {
  if (active) return 'active';
  if (tested === null) return 'draft';
  if (shadowed !== null) return 'shadow';
  return simulated === null ? 'tested' : 'simulated';
}

export function hasReached(stage: Stage, wanted: Stage): boolean {
  return stages.indexOf(stage) >= stages.indexOf(wanted);
}
