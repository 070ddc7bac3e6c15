import { Controller, Inject, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { Ulid } from '@customhouse/events/envelope';
import { invalidRequest } from '@customhouse/http-contract/problem';
import type { QueryOf, ResponseOf } from '@customhouse/http-contract/route';
import { scannerRoutes } from '@customhouse/http-contract/scanner';
import { Handle } from '@customhouse/nest/handle';
import { ProblemError } from '@customhouse/nest/problem';
import { dataSourceOf } from '@customhouse/nest/tokens';
import { findFindings } from './findings-view.js';

@Controller()
export class FindingsController {
  constructor(@Inject(dataSourceOf('scanner')) private readonly dataSource: DataSource) {}

  @Handle(scannerRoutes.list)
  async list(@Query({ schema: scannerRoutes.list.query }) query: QueryOf<typeof scannerRoutes.list>): Promise<ResponseOf<typeof scannerRoutes.list>> {
    const { limit, cursor, ...filter } = query;
    const rows = await findFindings(this.dataSource, filter, { limit, before: cursor === undefined ? undefined : readCursor(cursor) });
    const items = rows.slice(0, limit).map((row) => ({ ...row, raised: row.raised.toISOString() }));
    return { items, next: rows.length > limit ? Buffer.from(items.at(-1)!.finding).toString('base64url') : null };
  }
}

function readCursor(cursor: string): string {
  const last = Ulid.safeParse(Buffer.from(cursor, 'base64url').toString());
  if (!last.success)
    throw new ProblemError(invalidRequest, '/query/cursor: is not one that this list gave out', [{ pointer: '/query/cursor', message: 'is not one that this list gave out' }]);
  return last.data;
}
