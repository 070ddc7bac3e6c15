import { Inject, Injectable } from '@nestjs/common';
import { findingRaised } from '@customhouse/events/finding/events';
import { newUlid } from '@customhouse/event-store/new-ulid';
import { Outbox } from '@customhouse/event-store/outbox';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { storableText } from '@customhouse/event-store/storable-text';
import type { Json } from '@customhouse/kernel/canonical';
import { defaultLimits } from '@customhouse/detectors/inspect';
import { builtInPack } from '@customhouse/detectors/rule-pack';
import { SCANNER_SETTINGS, type ScannerSettings } from '../config.js';
import { look, type About } from '../look.js';
import { FindingMetrics } from './metrics.js';

/** URIs may be longer than what an index takes, and hold what a database does not. The event that the finding is about has them whole. */
const longestName = 500;

export function named<Name extends string | null>(name: Name): Name {
  return (name === null ? null : storableText(name.slice(0, longestName))) as Name;
}

/** What a finding is filed under. */
export interface Subject {
  readonly server: string | null;
  readonly tool: string | null;
}

/** Looks, and writes what was seen into the table and the outbox: both or neither. */
@Injectable()
export class Findings {
  private readonly outbox = new Outbox();

  constructor(
    @Inject(SCANNER_SETTINGS) private readonly settings: ScannerSettings,
    @Inject(FindingMetrics) private readonly metrics: FindingMetrics,
  ) {}

  async lookAt(tx: Tx, about: About, subject: Subject, value: Json, cause: string, afterCommit: (effect: () => void) => void): Promise<void> {
    const seen = look(builtInPack, about, value, { ...defaultLimits, findings: this.settings.findings_count });
    if (seen === undefined) return;
    const stream = about.kind === 'call' ? `call-${about.call}` : `${about.item}-${about.server}/${named(about.tool)}`;
    await this.outbox.publish(tx, [{ declaration: findingRaised, subject: stream, key: stream, data: { about, pack: seen.pack, findings: [...seen.findings] }, cause }]);
    for (const { rule, severity, location, message } of seen.findings) {
      await rowsOf(
        tx,
        `insert into findings (finding, kind, server, tool, definition, call, rule, severity, location, message, pack, item, raised)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, clock_timestamp())`,
        [
          newUlid(),
          about.kind,
          named(subject.server),
          named(subject.tool),
          about.kind === 'definition' ? about.definition : null,
          about.kind === 'call' ? about.call : null,
          rule,
          severity,
          location,
          message,
          seen.pack,
          about.kind === 'definition' ? about.item : null,
        ],
      );
    }
    afterCommit(() => this.metrics.raised(about.kind, seen.findings));
  }
}
