import type { DynamicModule } from '@nestjs/common';
import type { RouteTable } from '@customhouse/http-contract/route';
import type { StoredEvent } from '@customhouse/event-log/stored-event';
import type { Tx } from '@customhouse/event-store/sql';
import type { SettingsDefinition, SettingsOf } from '@customhouse/settings/settings';

/** What a service tells the host (run.ts) about itself. A process hosts one service, or all six. */
export interface ServiceDefinition<D extends SettingsDefinition = SettingsDefinition> {
  readonly name: 'ingress' | 'policy' | 'scanner' | 'registry' | 'approval' | 'audit';
  readonly settings: D;
  // A method, so that a definition with settings of its own is a ServiceDefinition.
  module(settings: SettingsOf<D>): DynamicModule;
  /** Folder with `0001-name.sql` files, run in order in the service's own schema. Absent: the service has no database. */
  readonly migrations?: URL;
  /** Entity schemas of the service's views, for its DataSource. */
  readonly entities?: readonly unknown[];
  /** What the service answers, for /openapi.json. */
  readonly routes?: RouteTable;
  /** Groups of `@EventPattern` handlers: which topics each follows. The group's name is also its transport id: `@EventPattern('call.held', Symbol.for('approval.requests'))`. */
  readonly consumers?: readonly ConsumerDeclaration[];
}

export interface ConsumerDeclaration {
  /** `<service>.<purpose>`. */
  readonly group: string;
  readonly topics: readonly string[];
  /** False when the handlers drop duplicates themselves, by a unique event id of their own. Default true. */
  readonly dedupe?: boolean;
  /** Which events the handlers are given: others cost nothing, not even a transaction. Must answer the same for ever. Default: all. */
  readonly wants?: (event: StoredEvent) => boolean;
  /** True while there is nothing to follow for: the group reads and writes nothing then. Asked every second. Whoever ends the rest says where to begin (placeGroup). */
  readonly atRest?: (tx: Tx) => Promise<boolean>;
  /** How long records are collected for one transaction; more where nobody waits for what comes of them. Default 20 ms. */
  readonly linger_ms?: number;
}
