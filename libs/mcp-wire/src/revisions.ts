/** What differs between the revisions of MCP, as far as the wire is concerned. */
export interface Revision {
  readonly name: string;
  /** `legacy`: initialize and sessions. `modern`: stateless, everything in each request. */
  readonly era: 'legacy' | 'modern';
  /** Whether one body may hold an array of messages. */
  readonly batch: boolean;
}

/** Oldest first. */
export const revisions: readonly Revision[] = [
  { name: '2024-11-05', era: 'legacy', batch: false },
  { name: '2025-03-26', era: 'legacy', batch: true },
  { name: '2025-06-18', era: 'legacy', batch: false },
  { name: '2025-11-25', era: 'legacy', batch: false },
  { name: '2026-07-28', era: 'modern', batch: false },
];

/** Revisions that `initialize` can agree on. */
export const legacyRevisions: readonly string[] = revisions.filter((revision) => revision.era === 'legacy').map((revision) => revision.name);

/** Revisions that need no `initialize`. */
export const modernRevisions: readonly string[] = revisions.filter((revision) => revision.era === 'modern').map((revision) => revision.name);

export const latestLegacyRevision = '2025-11-25';

/** A legacy request without the header speaks this one, says the specification. */
export const assumedRevision = '2025-03-26';

const byName = new Map(revisions.map((revision) => [revision.name, revision]));

export function revisionOf(name: string): Revision | undefined {
  return byName.get(name);
}

/** What `initialize` answers: what was asked for where it is spoken, else the latest, which the client may decline. */
export function negotiate(asked: string): string {
  return legacyRevisions.includes(asked) ? asked : latestLegacyRevision;
}
