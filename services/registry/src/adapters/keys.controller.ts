import { Body, Controller, Inject, Param, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { Timestamp } from '@customhouse/events/envelope';
import { invalidRequest, notFound } from '@customhouse/http-contract/problem';
import { registryRoutes } from '@customhouse/http-contract/registry';
import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { inTransaction } from '@customhouse/event-store/transaction';
import { Caller, type CallerIdentity } from '@customhouse/nest/access';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { makeCursor, readCursor } from './cursor.js';
import { Keys } from './keys.js';
import { findKeys, toKeyView } from './keys-view.js';
import { RegistryMetrics } from './metrics.js';

type Routes = typeof registryRoutes;

@Controller()
export class KeysController {
  constructor(
    @Inject(dataSourceOf('registry')) private readonly dataSource: DataSource,
    @Inject(Keys) private readonly keys: Keys,
    @Inject(RegistryMetrics) private readonly metrics: RegistryMetrics,
  ) {}

  @Handle(registryRoutes.keys)
  async list(@Query({ schema: registryRoutes.keys.query }) { limit, cursor }: QueryOf<Routes['keys']>, @Caller() { tenant }: CallerIdentity): Promise<ResponseOf<Routes['keys']>> {
    const rows = await findKeys(this.dataSource, tenant, { limit, after: cursor === undefined ? undefined : afterOf(cursor) });
    const items = rows.slice(0, limit);
    return { items, next: rows.length > limit ? makeCursor(items.at(-1)!.created, items.at(-1)!.id) : null };
  }

  @Handle(registryRoutes.issue)
  async issue(@Body({ schema: registryRoutes.issue.body }) body: BodyOf<Routes['issue']>, @Caller() caller: CallerIdentity): Promise<ResponseOf<Routes['issue']>> {
    if (body.expires !== null && Date.parse(body.expires) <= Date.now()) {
      const message = 'is in the past';
      throw new ProblemError(invalidRequest, `/body/expires: ${message}`, [{ pointer: '/body/expires', message }]);
    }
    const { key, presented } = await inTransaction(this.dataSource, (tx) => this.keys.issue(tx, { ...body, tenant: caller.tenant }, caller.person));
    this.metrics.keyDone('issued');
    return { key: toKeyView(key), presented };
  }

  @Handle(registryRoutes.revoke)
  async revoke(@Param({ schema: registryRoutes.revoke.params }) { id }: ParamsOf<Routes['revoke']>, @Caller() caller: CallerIdentity): Promise<void> {
    const found = await inTransaction(this.dataSource, (tx) => this.keys.revoke(tx, caller.tenant, id, caller.person), { repeatable: true });
    if (!found) throw new ProblemError(notFound, `there is no key ${id}`);
    this.metrics.keyDone('revoked');
  }
}

function afterOf(cursor: string): readonly [string, string] {
  const [created, id] = readCursor(cursor, 2) as [string, string];
  if (Timestamp.safeParse(created).success) return [created, id];
  const message = 'is not one that this list gave out';
  throw new ProblemError(invalidRequest, `/query/cursor: ${message}`, [{ pointer: '/query/cursor', message }]);
}
