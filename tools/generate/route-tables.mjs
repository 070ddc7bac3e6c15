// Finds the route tables: `export const auditRoutes = {…}` in contracts/http/src/audit.ts, one for each service that has an API.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';

/** Route tables by service, in alphabetical order. */
export async function routeTables() {
  const services = readdirSync(join(root, 'services')).sort();
  const tables = new Map();
  for (const service of services) {
    if (!existsSync(join(root, 'contracts/http/dist', `${service}.js`))) continue;
    const table = (await import(`@customhouse/http-contract/${service}`))[`${service}Routes`];
    if (!table) throw new Error(`contracts/http/src/${service}.ts exports no ${service}Routes`);
    tables.set(service, table);
  }
  return tables;
}
