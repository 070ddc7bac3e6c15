import { Injectable } from '@nestjs/common';
import { catalogToolsetPublished, toolsetDefined, toolsetRemoved, type Toolset } from '@customhouse/events/registry/events';
import { Outbox } from '@customhouse/event-store/outbox';
import { rowsOf, type Tx } from '@customhouse/event-store/sql';
import { Streams } from '@customhouse/event-store/streams';
import { catalogTopic } from './events.js';
import type { ToolsetRow } from './toolsets-view.js';

/** Parts of the catalogue with a name. What is in them is found by patterns when it is asked for, so they need not know any server. */
@Injectable()
export class Toolsets {
  private readonly streams = new Streams();
  private readonly outbox = new Outbox();

  /** Makes it, or replaces what is in it. Nothing happens when it is so already. */
  async define(tx: Tx, toolset: Toolset, by: string): Promise<void> {
    const known = await this.locked(tx, toolset.name);
    if (known && JSON.stringify(known.toolset) === JSON.stringify(toolset)) return;
    const subject = await this.append(tx, toolset.name, { declaration: toolsetDefined, data: { toolset, by } });
    await tx.query(`insert into toolsets (name, toolset) values ($1, $2) on conflict (name) do update set toolset = excluded.toolset, changed = excluded.changed`, [
      toolset.name,
      JSON.stringify(toolset),
    ]);
    await this.outbox.publish(tx, [{ declaration: catalogToolsetPublished, subject, key: keyOf(toolset.name), data: toolset }]);
  }

  /** Answers whether there was such a toolset. */
  async remove(tx: Tx, name: string, by: string): Promise<boolean> {
    if (!(await this.locked(tx, name))) return false;
    await this.append(tx, name, { declaration: toolsetRemoved, data: { name, by } });
    await tx.query('delete from toolsets where name = $1', [name]);
    await this.outbox.remove(tx, catalogTopic, [keyOf(name)]);
    return true;
  }

  /** Until this transaction ends no other one touches the toolset. */
  private async locked(tx: Tx, name: string): Promise<ToolsetRow | undefined> {
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`customhouse.registry.toolset.${name}`]);
    const [row] = await rowsOf<ToolsetRow>(tx, 'select name, toolset, changed from toolsets where name = $1', [name]);
    return row;
  }

  private async append(tx: Tx, name: string, event: { readonly declaration: typeof toolsetDefined | typeof toolsetRemoved; readonly data: object }): Promise<string> {
    const subject = `toolset-${name}`;
    const { version } = await this.streams.load(tx, subject);
    await this.streams.append(tx, subject, version, [{ ...event, subject, key: subject }]);
    return subject;
  }
}

function keyOf(name: string): string {
  return `toolset/${name}`;
}
