import { catalogue } from './all.js';
import type { EventDeclaration } from './catalogue.js';

/** Data of an event in the current version; or as it was written, where this program does not know how to read it. */
export interface Upcast {
  readonly data: unknown;
  /** Why the data is as it was written. It must be kept, and must not be guessed at. */
  readonly foreign?: 'unknown-type' | 'newer-version';
}

/**
 * Brings the data of a recorded event to the version that the code has, one version at a time. Unknown types and versions that are
 * newer than the code come back untouched. Throws where an upcaster is missing, which the corpus test rules out, or fails.
 */
export function upcast(type: string, version: number, data: unknown, known: ReadonlyMap<string, EventDeclaration> = catalogue): Upcast {
  const declaration = known.get(type);
  if (!declaration) return { data, foreign: 'unknown-type' };
  if (version > declaration.version) return { data, foreign: 'newer-version' };
  let current = data;
  for (let step = version; step < declaration.version; step += 1) {
    const next = declaration.upcasters[step];
    if (!next) throw new Error(`${type} has no upcaster from version ${step}`);
    current = next(current);
  }
  return { data: current };
}
