import { describe, it, jest } from '@jest/globals';
import pg from 'pg';
import { PostgresLog } from '@customhouse/event-log/postgres/postgres-log';
import { ownPostgres } from '@customhouse/test-engines/own-engine';
import { faults } from './faults.js';
import { TcpProxy } from './tcp-proxy.js';

jest.setTimeout(240_000);
const own = await ownPostgres();

if (own) {
  faults('PostgreSQL', async () => {
    const proxy = await TcpProxy.start();
    const direct = new URL(own.url);
    proxy.aimAt(direct.host);
    const proxied = new URL(own.url);
    proxied.host = proxy.address;
    return {
      engine: own.engine,
      proxy,
      open: (way) => PostgresLog.open({ url: (way === 'direct' ? direct : proxied).href }),
      narrow: async (topic) => {
        const client = new pg.Client({ connectionString: own.url });
        await client.connect();
        await client.query(`alter table log.${client.escapeIdentifier(topic)} add constraint narrow check (octet_length(value) <= 300) not valid`);
        await client.end();
      },
    };
  });
} else describe.skip('the log on PostgreSQL, failing', () => it('needs a PostgreSQL of its own', () => undefined));
